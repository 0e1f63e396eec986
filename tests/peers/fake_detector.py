"""A detector for tests of the page: the real desk and the real answers, without a socket, models or cameras."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.alerts.desk import AlertDesk
from appliance.alerts.errors import DetectorRefused, DetectorUnreachable
from appliance.alerts.life import Book
from appliance.alerts.model import Alert, Box, Kind, Signal, Source
from appliance.alerts.server import AlertServer
from appliance.alerts.store import AlertStore
from appliance.core.clock import SimulatedClock
from appliance.core.errors import ApplianceError
from appliance.core.lines import VERSION, encode, error_answer
from appliance.detection.errors import ArmingRefused

PICTURE = bytes.fromhex(
    "ffd8ffdb004300ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffffffffffffffffffffffc0000b080001000101011100ffc40014000100000000000000000000000000000003ffc40014100100000000"
    "000000000000000000000000ffda0008010100003f0037ffd9"
)
"""A JPEG of one white pixel."""


@dataclass
class Words:
    """Who arms: what was said last, by camera."""

    cameras: tuple[str, ...]
    said: dict[str, dict[str, Any]] = field(default_factory=dict)

    def message(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for camera in self.cameras:
            word = self.said.get(camera)
            armed = word is None or bool(word["armed"])
            found.append(
                {
                    "camera": camera,
                    "watch": "persons" if armed else "camera_truth",
                    "reason": "outside-hours" if armed else "disarmed",
                    "fr": "Détection en service : le site est fermé."
                    if armed
                    else "Détection suspendue par une personne ; elle reprendra seule.",
                    "en": "Detection is on: the site is closed."
                    if armed
                    else "Detection is suspended by a person; it will start again by itself.",
                    "until_us": None if word is None else word["until_us"],
                    "word": word,
                }
            )
        return found

    async def arm(self, cameras: list[str], *, armed: bool, by: str, why: str, until_us: int) -> None:
        if len(why) < 5:
            raise ArmingRefused(least=5, hours=72)
        for camera in cameras:
            self.said[camera] = {"armed": armed, "by": by, "why": why, "from_us": 0, "until_us": until_us}


class FakeDetector:
    """`ask` as alerts.client.DetectorClient has it; `down` True: it does not answer."""

    def __init__(self, folder: Path, cameras: tuple[str, ...], clock: SimulatedClock | None = None) -> None:
        self.clock = clock or SimulatedClock()
        self.words = Words(cameras)
        self.down = False
        self.desk = AlertDesk(
            AlertStore(folder / "events.db"), Book(), self.clock, protector=self, snapshot=self._snapshot
        )
        self._server = AlertServer(self.desk, self.words, frozenset(cameras), self.clock, self._state)

    async def protect(self, alert: Alert, from_us: int, until_us: int) -> str:
        assert from_us < until_us
        return f"hold-{alert.number}"

    async def extend(self, hold: str, until_us: int) -> None:
        assert hold
        assert until_us

    async def _snapshot(self, _camera: str, _utc_us: int) -> bytes | None:
        return PICTURE

    async def _state(self) -> dict[str, Any]:
        model = {"name": "demo", "demo": True, "interpreter": "ai_edge_litert", "fell_back": False, "sha256": "0" * 64}
        return {"model": model, "delay_p95_us": 80_000}

    async def visit(self, camera: str, seconds: int = 4, zone: str = "cour") -> int:
        """A person walks through a picture: the number of the alert."""
        for second in range(seconds):
            at, x = self.clock.utc_us(), 0.1 + 0.05 * second
            box = Box(x, 0.4, 0.08, 0.3)
            await self.desk.signal(
                Signal(at, camera, Source.RULE, Kind.PASSIVE, "intrusion", zone, "person", 0.8, box=box, track=1)
            )
            self.clock.advance(1)
            await self.desk.tick()
            await self.desk.safeguard()
        return (await self.desk.store.newest(0, self.clock.utc_us()))[0].number

    async def ask(self, verb: str, **fields: object) -> dict[str, Any]:
        if self.down:
            raise DetectorUnreachable(why="down")
        try:
            line = await self._server.answer(
                self._server.parse(encode({"v": VERSION, "id": 1, "verb": verb, **fields}))
            )
        except ApplianceError as error:
            line = error_answer(1, error)
        answer: dict[str, Any] = json.loads(line)
        if not answer["ok"]:
            error_ = answer["error"]
            raise DetectorRefused(refusal=error_["code"], sentence_fr=error_["fr"], sentence_en=error_["en"])
        return answer
