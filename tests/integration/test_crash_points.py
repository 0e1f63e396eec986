"""The recorder dies at any single step: what was durable is there, once, and the ring goes on.

Every scenario runs on disks that an earlier life filled, so every step happens: header, parts, table and the block that
seals it, catalogue, a chunk given back, zeroed and opened again, heartbeat.
"""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.media.stream import AccessUnit, RunStart, StreamKey
from appliance.ring.walk import ChunkState, walk
from tests.peers.crash import CRASHED, Model, Outcome, Report, Scenario, check_ring, crash, in_child, steps
from tests.peers.pictures import Camera
from tests.peers.ring_rig import KEY, SMALL, Folder, Rig

KEYS = (KEY, StreamKey("cam", "sub"), StreamKey("hall", "main"))
CHUNKS = 22
FIRST_TICKS = 70
"""Ticks of the life before: every disk has lapped."""

TICKS = 16
LIFE_S = 600.0
"""Simulated seconds between the starts of two lives."""


@dataclass(frozen=True)
class Life:
    """One life of a recorder: which, and how many ticks if nothing stops it."""

    number: int
    ticks: int

    def rig(self, base: Path) -> Rig:
        clock = SimulatedClock()
        clock.advance(LIFE_S * self.number)
        if self.number:
            clock.reboot(bytes([self.number]) * 16)
        return Rig(base, clock, [Folder(base / f"disk{i}") for i in range(2)])

    def cameras(self, rig: Rig) -> list[Camera]:
        return [rig.camera(key, seed=10 * self.number + i, size=2000 + 700 * i) for i, key in enumerate(KEYS)]

    def sent(self) -> list[list[bytes]]:
        """What each camera sends in all of this life, told without a ring."""
        found = []
        for i in range(len(KEYS)):
            camera = Camera(_Nowhere(), SimulatedClock(), seed=10 * self.number + i, size=2000 + 700 * i)
            list(camera.units(10 * self.ticks))
            found.append(camera.sent)
        return found


class _Nowhere:
    def start_run(self, run: RunStart) -> None: ...
    def append(self, unit: AccessUnit) -> None: ...
    def end_run(self, cause: GapCause) -> None: ...


def record(base: Path, life: Life) -> Scenario:
    """A recorder starts, records, and says after each tick how much is durable."""

    async def scenario(report: Report) -> None:
        rig = life.rig(base)
        rig.new()
        cameras = life.cameras(rig)
        async with rig.running() as ring:
            await ring.settle()
            for camera in cameras:
                camera.start(GapCause.POWER)
            for tick in range(life.ticks):
                await rig.record(1, *cameras)
                await ring.keep_index()
                report.tell("durable", 10 * (tick + 1))

    return scenario


def look(base: Path, lives: list[tuple[Life, int]]) -> Scenario:
    """Another recorder starts: everything durable of these lives is there, in order, once; and it goes on."""

    async def scenario(report: Report) -> None:
        life = Life(lives[-1][0].number + 1, 5)
        rig = life.rig(base)
        rig.new()
        cameras = life.cameras(rig)
        async with rig.running() as ring:
            await ring.settle()
            for i, key in enumerate(KEYS):
                check_held(await rig.held(key), [(old.sent()[i], durable) for old, durable in lives])
            for camera in cameras:
                camera.start(GapCause.POWER)
            await rig.record(life.ticks, *cameras)
            for camera, key in zip(cameras, KEYS, strict=True):
                held = await rig.held(key)
                assert held[-len(camera.sent) :] == camera.sent, "what is recorded afterwards is whole"
            disks = ring.state()["disks"]
            assert isinstance(disks, list)
            assert [disk["suspect"] for disk in disks] == [0, 0], "no chunk is lost to a crash"
            assert [disk["error"] for disk in disks] == ["", ""]
        report.tell("looked", 1)

    return scenario


def check_held(held: list[bytes], lives: list[tuple[list[bytes], int]]) -> None:
    """Pictures of these lives (all sent, how many were durable): in order, once; of the last life all durable ones."""
    place = {data: (number, i) for number, (sent, _) in enumerate(lives) for i, data in enumerate(sent)}
    places = [place[data] for data in held]
    assert places == sorted(set(places)), "in order, each once, bit for bit"
    sent, durable = lives[-1]
    own = [i for number, i in places if number == len(lives) - 1]
    assert own == list(range(len(own))), "from its first picture without a hole"
    assert durable <= len(own) <= len(sent)


def check_files(base: Path) -> None:
    """Every chunk speaks for itself, and a free one holds nothing."""
    for file in sorted(base.glob("disk*/*/*.mp4")):
        with file.open("rb") as handle:
            found = walk(handle.fileno(), SMALL, deep=True)
            data = handle.read()
        assert found.state is not ChunkState.DAMAGED, (file, found.reason)
        if found.state is ChunkState.OPEN:
            assert not any(data[found.end_offset + 4096 :]), f"{file}: something lies behind the end"


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two disks that have lapped."""
    base = tmp_path_factory.mktemp("aged")

    async def prepare(report: Report) -> None:
        life = Life(0, FIRST_TICKS)
        rig = life.rig(base)
        rig.disks.clear()
        await rig.format(disks=2, chunks=CHUNKS)
        await record(base, life)(report)

    done = in_child(prepare)
    assert done.status == 0, done.text
    return base


@pytest.fixture
def fresh(aged: Path, tmp_path: Path) -> Callable[[], Path]:
    """Those disks again, each time."""

    def again() -> Path:
        base = tmp_path / "site"
        shutil.rmtree(base, ignore_errors=True)
        shutil.copytree(aged, base)
        return base

    return again


def disks_of(base: Path) -> list[Path]:
    return [base / "disk0", base / "disk1"]


FIRST = (Life(0, FIRST_TICKS), 10 * FIRST_TICKS)
SECOND = Life(1, TICKS)


def die_and_look(base: Path, at: int, step: str, model: Model, *, lose_index: bool) -> None:
    died = crash(record(base, SECOND), disks_of(base), SMALL, at, model)
    check_ring(base, f"{model}, step {at}, {step}")
    check(base, [FIRST, (SECOND, died.told.get("durable", 0))], f"{model}, step {at}, {step}", lose_index=lose_index)


def check(base: Path, lives: list[tuple[Life, int]], about: str, *, lose_index: bool) -> None:
    if lose_index:
        for file in base.glob("index.db*"):
            file.unlink()
    looked = in_child(look(base, lives))
    assert looked.status == 0, f"{about}: {looked.text}"
    check_files(base)
    check_ring(base, f"{about}, and a recorder after it")


def wanted_steps(seen: list[str], each: int, seed: int) -> list[int]:
    """`each` steps of every kind, some of them the first and the last of it."""
    chosen: set[int] = set()
    pick = random.Random(seed)
    for kind in sorted(set(seen)):
        places = [i for i, step in enumerate(seen) if step == kind]
        chosen |= {places[0], *pick.sample(places, min(each - 1, len(places)))}
    return sorted(chosen)


@pytest.mark.full  # a kill and a power cut of a real recorder stand in the quick tier
@pytest.mark.timeout(180)
@pytest.mark.parametrize("model", ["torn", "lost"])
def test_a_recorder_that_dies_at_a_step_of_each_kind(fresh: Callable[[], Path], model: Model) -> None:
    base = fresh()
    seen = steps(record(base, SECOND), disks_of(base), SMALL)
    assert {"write header", "write part", "write table", "write seal", "write heartbeat", "zero", "flush"} <= set(seen)
    for at in wanted_steps(seen, 2, seed=7):
        die_and_look(fresh(), at, seen[at], model, lose_index=at % 2 == 0)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ["torn", "lost"])
def test_a_recorder_that_dies_at_any_step(fresh: Callable[[], Path], model: Model) -> None:
    base = fresh()
    seen = steps(record(base, SECOND), disks_of(base), SMALL)
    for at in range(0, len(seen), 2 if model == "torn" else 1):
        die_and_look(fresh(), at, seen[at], model, lose_index=at % 3 == 0)


@pytest.mark.full
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(6))
def test_a_recorder_that_dies_again_and_again(fresh: Callable[[], Path], seed: int) -> None:
    """Also while it is still reading what the death before left."""
    base = fresh()
    pick = random.Random(seed)
    lives = [FIRST]
    for number in range(1, 6):
        life = Life(number, TICKS)
        died: Outcome = crash(record(base, life), disks_of(base), SMALL, pick.randrange(60), "lost")
        assert died.status == CRASHED
        lives.append((life, died.told.get("durable", 0)))
    check(base, lives, f"seed {seed}", lose_index=bool(seed % 2))
