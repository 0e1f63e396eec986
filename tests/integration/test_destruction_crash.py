"""The recorder dies at any step of destroying footage: each destroyed chunk is told to the register exactly once."""

import random
import shutil
from pathlib import Path

import pytest

from appliance.core.clock import SimulatedClock
from appliance.ring.walk import ChunkState, walk
from tests.peers.crash import Model, Report, Scenario, crash, in_child, steps
from tests.peers.lawful import DAY_S, TWO, Box, FileLines
from tests.peers.ring_rig import SMALL, Folder, Rig
from tests.peers.times import Sources

DAYS = 4


async def box_at(base: Path, days: float, boot: int) -> Box:
    """The appliance of this folder, started `days` after the first picture, in a boot of its own."""
    box = Box(base)
    clock = SimulatedClock()
    clock.advance(days * DAY_S)
    clock.reboot(bytes([boot]) * 16)
    box.rig = Rig(base, clock, [Folder(base / f"disk{i}") for i in range(2)])
    box.sources = Sources(base, clock, ntp=TWO, rtc_off_us=0)
    box.register = FileLines(base / "register")
    await box.start()
    return box


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two disks with a little footage of each of four days."""
    base = tmp_path_factory.mktemp("aged")

    async def prepare(_report: Report) -> None:
        box = await Box(base).format(chunks=20)
        await box.start()
        for _ in range(DAYS):
            await box.day()
        await box.stop()

    outcome = in_child(prepare)
    assert outcome.status == 0, outcome.text
    return base


def destroying(base: Path) -> Scenario:
    """A day later two days' footage goes, and an hour later the register is told."""

    async def scenario(_report: Report) -> None:
        box = await box_at(base, DAYS + 2.5, 1)
        await box.minute()
        await box.pass_time(3600)
        await box.record(2)
        await box.stop()

    return scenario


def finishing(base: Path) -> Scenario:
    """The next life does what is left."""

    async def scenario(_report: Report) -> None:
        box = await box_at(base, DAYS + 2.6, 2)
        await box.minute()
        await box.pass_time(3600)
        await box.stop()
        assert box.rig.ring.destruction.untold == 0

    return scenario


def footage(base: Path, days: float) -> set[tuple[str, int]]:
    """(disk, generation) of every closed chunk whose first picture was taken within the first `days`."""
    until = SimulatedClock().utc_us() + days * DAY_S * 1e6
    found = set()
    for file in sorted(base.glob("disk*/*/*.mp4")):
        data = file.read_bytes()
        seen = walk(lambda at, length, data=data: data[at : at + length], SMALL)  # type: ignore[misc]
        if seen.state is ChunkState.CLOSED and seen.header is not None and seen.entries[0].utc_us < until:
            found.add((seen.header.disk_uuid, seen.header.generation))
    return found


def check(base: Path, aged: Path) -> None:
    due = footage(aged, 1.55)
    assert len(due) >= 2
    assert not footage(base, 1.55), "what was due is gone"
    assert footage(base, 99) >= footage(aged, 99) - due, "what was not is there"
    lines = FileLines(base / "register").lines
    assert sum(int(line["count"]) for line in lines) == len(due), "each told once"
    assert {line["reason"] for line in lines} == {"age"}


def test_without_a_crash_each_is_told_once(aged: Path, tmp_path: Path) -> None:
    base = tmp_path / "box"
    shutil.copytree(aged, base)
    for scenario in (destroying(base), finishing(base)):
        outcome = in_child(scenario)
        assert outcome.status == 0, outcome.text
    check(base, aged)


@pytest.mark.timeout(240)
@pytest.mark.full
@pytest.mark.parametrize("model", ["torn", "lost"])
def test_a_crash_at_any_step(aged: Path, tmp_path: Path, model: Model) -> None:
    trial = tmp_path / "trial"
    shutil.copytree(aged, trial)
    disks = [trial / "disk0", trial / "disk1"]
    names = steps(destroying(trial), disks, SMALL)
    touching = [n for n, name in enumerate(names) if name in {"zero", "write destroyed", "replace nvr-destroyed.new"}]
    assert {names[n] for n in touching} >= {"zero", "write destroyed"}
    wanted = sorted({max(0, n + d) for n in touching for d in (0, 1)} | {n - 1 for n in touching})
    chosen = [n for n in wanted if 0 <= n < len(names)]
    for n in random.Random(model).sample(chosen, min(24, len(chosen))):
        base = tmp_path / f"at{n}"
        shutil.copytree(aged, base)
        crash(destroying(base), [base / "disk0", base / "disk1"], SMALL, n, model)
        outcome = in_child(finishing(base))
        assert outcome.status == 0, f"step {n} {names[n]}: {outcome.text}"
        check(base, aged)
        shutil.rmtree(base)
