"""The desk and its socket: alerts are stored first, copies are asked for, refused, tried again, and grow."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from appliance.alerts.client import DetectorClient
from appliance.alerts.desk import AFTER_US, BEFORE_US, LONGEST_COPY_US, RETRY_US, AlertDesk
from appliance.alerts.errors import DetectorRefused, DetectorUnreachable, NoSuchCamera
from appliance.alerts.life import QUIET_US, Book
from appliance.alerts.model import Alert, Box, Kind, Signal, Source
from appliance.alerts.protocol import MODELS
from appliance.alerts.server import AlertServer
from appliance.alerts.store import AlertStore
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock
from appliance.core.errors import ApplianceError

SECOND_US = 1_000_000


@dataclass
class Pool:
    """A recorder that protects what it is asked to, unless it is told to refuse."""

    refusal: ApplianceError | None = None
    held: dict[str, tuple[tuple[str, ...], int, int]] = field(default_factory=dict)

    async def protect(self, alert: Alert, from_us: int, until_us: int) -> str:
        if self.refusal is not None:
            raise self.refusal
        self.held[f"hold-{alert.number}"] = (alert.cameras, from_us, until_us)
        return f"hold-{alert.number}"

    async def extend(self, hold: str, until_us: int) -> None:
        if self.refusal is not None:
            raise self.refusal
        cameras, from_us, _ = self.held[hold]
        self.held[hold] = (cameras, from_us, until_us)


@dataclass
class Words:
    """Who arms: remembers."""

    said: list[tuple[list[str], bool, str]] = field(default_factory=list)

    def message(self) -> list[dict[str, Any]]:
        return [{"camera": "yard", "armed": bool(self.said and self.said[-1][1])}]

    async def arm(self, cameras: list[str], *, armed: bool, by: str, why: str, until_us: int) -> None:
        assert why
        assert until_us
        self.said.append((cameras, armed, by))


@dataclass
class Rig:
    path: Path
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    pool: Pool = field(default_factory=Pool)
    told: list[str] = field(default_factory=list)
    jpegs: list[bytes | None] = field(default_factory=list)

    async def snapshot(self, camera: str, utc_us: int) -> bytes | None:
        assert camera
        assert utc_us
        return self.jpegs.pop(0) if self.jpegs else None

    def tell(self, kind: str, _facts: Facts) -> bool:
        self.told.append(kind)
        return True

    def sight(self, camera: str = "yard") -> Signal:
        at = self.clock.utc_us()
        box = Box(0.1, 0.2, 0.3, 0.4)
        return Signal(at, camera, Source.RULE, Kind.PASSIVE, "intrusion", "lawn", "person", 0.8, box=box, track=1)

    @asynccontextmanager
    async def desk(self, **linked: list[str]) -> AsyncIterator[AlertDesk]:
        store = AlertStore(self.path / "events.db")
        desk = AlertDesk(store, Book(linked), self.clock, self.pool, self.snapshot, self.tell)
        await desk.open()
        try:
            yield desk
        finally:
            await desk.close()

    async def seconds(self, desk: AlertDesk, count: int, *, seen: bool = False) -> None:
        for _ in range(count):
            self.clock.advance(1)
            if seen:
                await desk.signal(self.sight())
            await desk.tick()
            await desk.safeguard()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_an_alert_is_protected_from_before_until_after_and_grows_with_it(rig: Rig) -> None:
    async with rig.desk(yard=["thermal"]) as desk:
        opened = rig.clock.utc_us()
        await desk.signal(rig.sight())
        await desk.safeguard()
        assert rig.pool.held == {"hold-1": (("yard", "thermal"), opened - BEFORE_US, opened + AFTER_US)}
        await rig.seconds(desk, 30, seen=True)
        await rig.seconds(desk, QUIET_US // SECOND_US + 1)
        last = opened + 30 * SECOND_US
        assert rig.pool.held["hold-1"][2] == last + AFTER_US
        entry = await desk.store.entry(1)
        assert (entry.closed_us is not None, entry.last_us, entry.hold) == (True, last, "hold-1")
        assert rig.told == ["alert-opened", "alert-closed"]


async def test_an_alert_that_never_ends_does_not_eat_the_pool(rig: Rig) -> None:
    async with rig.desk() as desk:
        opened = rig.clock.utc_us()
        await desk.signal(rig.sight())
        await rig.seconds(desk, LONGEST_COPY_US // SECOND_US + 30, seen=True)
        assert rig.pool.held["hold-1"][2] == opened + LONGEST_COPY_US
        assert (await desk.store.entry(1)).closed_us is None


async def test_a_refused_copy_is_said_and_tried_again_until_the_footage_is_safe(rig: Rig) -> None:
    rig.pool.refusal = NoSuchCamera(camera="x")
    async with rig.desk() as desk:
        await desk.signal(rig.sight())
        await desk.safeguard()
        assert (await desk.store.entry(1)).hold_fault == "no-such-camera"
        assert desk.unprotected() == [1]
        rig.pool.refusal = None
        await rig.seconds(desk, RETRY_US // SECOND_US - 1)
        assert not rig.pool.held
        await rig.seconds(desk, 2)
        entry = await desk.store.entry(1)
        assert (entry.hold, entry.hold_fault, desk.unprotected()) == ("hold-1", "", [])


async def test_after_a_restart_what_was_not_protected_is_and_the_alert_goes_on(rig: Rig) -> None:
    rig.pool.refusal = NoSuchCamera(camera="x")
    async with rig.desk() as desk:
        await desk.signal(rig.sight())
        await desk.safeguard()
    rig.pool.refusal = None
    async with rig.desk() as desk:
        await rig.seconds(desk, 1, seen=True)
        assert list(rig.pool.held) == ["hold-1"]
        assert [entry.number for entry in await desk.store.newest(0, rig.clock.utc_us() + 1)] == [1]
        assert (await desk.store.entry(1)).last_us == rig.clock.utc_us()


async def test_the_picture_is_waited_for_some_seconds(rig: Rig) -> None:
    rig.jpegs = [None, None, b"\xff\xd8jpeg"]
    async with rig.desk() as desk:
        await desk.signal(rig.sight())
        await rig.seconds(desk, 4)
        assert await desk.store.picture(1) == b"\xff\xd8jpeg"
        assert rig.jpegs == []


async def test_the_socket_answers_every_verb_and_refuses_in_words(rig: Rig) -> None:
    rig.jpegs = [b"\xff\xd8jpeg"]
    words = Words()
    async with rig.desk() as desk:

        async def state() -> dict[str, Any]:
            return {"model": "demo"}

        server = AlertServer(desk, words, frozenset({"yard"}), rig.clock, state)
        await server.start(rig.path / "detector.sock")
        async with DetectorClient(rig.path / "detector.sock") as client:
            await desk.signal(rig.sight())
            await rig.seconds(desk, 1)
            asked: dict[str, dict[str, Any]] = {
                "alerts": {"from_us": 0, "to_us": rig.clock.utc_us()},
                "alert": {"number": 1},
                "picture": {"number": 1},
                "answer": {"number": 1, "verdict": "false", "by": "Mme Roux", "note": "un chat"},
                "report": {"camera": "yard", "kind": "active", "by": "M. Petit", "note": "vitre cassée"},
                "arming": {},
                "arm": {"cameras": ["yard"], "armed": True, "by": "M. Petit", "why": "travaux", "until_us": 5},
                "state": {},
            }
            assert set(asked) == set(MODELS)
            said = {verb: await client.ask(verb, **fields) for verb, fields in asked.items()}
            assert said["state"]["unprotected"] == [2], "reported just now"
            await desk.safeguard()
            assert (await client.ask("state"))["unprotected"] == []
            assert said["alerts"]["alerts"][0]["score"] == 84
            assert said["alert"]["sightings"][0]["box"] == [0.1, 0.2, 0.3, 0.4]
            assert base64.b64decode(said["picture"]["jpeg"]) == b"\xff\xd8jpeg"
            assert said["answer"]["alert"]["answer"]["by"] == "Mme Roux"
            assert said["report"]["number"] == 2
            assert words.said == [(["yard"], True, "M. Petit")]
            assert (said["state"]["model"], said["state"]["noisy"]) == ("demo", [])
            assert sum(rate["false"] for rate in said["state"]["rates"]) == 1
            for verb, fields, refusal in (
                ("alert", {"number": 9}, "unknown-alert"),
                ("answer", {"number": 1, "verdict": "maybe", "by": "x"}, "bad-request"),
                ("answer", {"number": 1, "verdict": "false", "by": " "}, "verdict-unsigned"),
                ("report", {"camera": "moon", "kind": "active", "by": "x", "note": "abc"}, "no-such-camera"),
                ("arm", {**asked["arm"], "by": " "}, "report-empty"),
                ("nothing", {}, "bad-request"),
            ):
                with pytest.raises(DetectorRefused) as caught:
                    await client.ask(verb, **fields)
                assert caught.value.facts["refusal"] == refusal, verb
        await server.close()
        async with DetectorClient(rig.path / "detector.sock") as client:
            with pytest.raises(DetectorUnreachable):
                await client.ask("state")
