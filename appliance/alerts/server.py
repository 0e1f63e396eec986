"""Serves alerts on the detector's socket."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from appliance.alerts.desk import AlertDesk
from appliance.alerts.errors import NoSuchCamera, ReportEmpty
from appliance.alerts.protocol import (
    AlertRequest,
    AlertsRequest,
    AnswerRequest,
    ArmingRequest,
    ArmRequest,
    DetectorStateRequest,
    PictureRequest,
    ReportRequest,
    Request,
    entry_message,
    parse_request,
    rate_message,
    sighting_message,
)
from appliance.alerts.store import WEEK_US, Answer, Wanted
from appliance.core.clock import Clock
from appliance.core.lines import LineServer, encode

RATE_WEEKS = 5
"""Weeks of false-alarm rates in the state: the month that alerts are kept, begun ones included."""


class Arming(Protocol):
    """Who decides what is watched (services: the gate with people's words)."""

    def message(self) -> list[dict[str, Any]]:
        """Each camera: watched or not, why, until when, by whose word."""
        ...

    async def arm(self, cameras: list[str], *, armed: bool, by: str, why: str, until_us: int) -> None:
        """A person's word. Raises ApplianceError when it may not be."""
        ...


class AlertServer(LineServer[Request]):
    """One desk on one socket."""

    setting = "detector.socket"

    def __init__(
        self,
        desk: AlertDesk,
        arming: Arming,
        cameras: frozenset[str],
        clock: Clock,
        state: Callable[[], Awaitable[dict[str, Any]]],
        allowed: Mapping[str, frozenset[int]] | None = None,
    ) -> None:
        """`cameras`: of the site; `state`: how detection is."""
        super().__init__(allowed)
        self._desk = desk
        self._arming = arming
        self._cameras = cameras
        self._clock = clock
        self._state = state

    def parse(self, line: bytes) -> Request:
        """A checked request. Raises BadRequest, nothing else."""
        return parse_request(line)

    async def answer(self, request: Request) -> bytes:
        """The line that answers it. Raises ApplianceError for a refusal in words."""
        return encode({"id": request.id, "ok": True, **await self._answer(request)})

    async def _answer(self, request: Request) -> dict[str, Any]:
        store = self._desk.store
        match request:
            case AlertsRequest():
                return await self._list(request)
            case AlertRequest():
                entry = await store.entry(request.number)
                boxes = await store.sightings(request.number)
                return {"alert": entry_message(entry), "sightings": [sighting_message(seen) for seen in boxes]}
            case PictureRequest():
                jpeg = await store.picture(request.number)
                return {"jpeg": None if jpeg is None else base64.b64encode(jpeg).decode("ascii")}
            case ArmingRequest():
                return {"cameras": self._arming.message()}
            case DetectorStateRequest():
                rates = await store.rates(self._clock.utc_us() - RATE_WEEKS * WEEK_US)
                return {
                    **await self._state(),
                    "noisy": self._desk.noisy(),
                    "unprotected": self._desk.unprotected(),
                    "rates": [rate_message(rate) for rate in rates],
                }
            case AnswerRequest() | ReportRequest() | ArmRequest():
                return await self._said(request)

    async def _list(self, request: AlertsRequest) -> dict[str, Any]:
        store, span = self._desk.store, (request.from_us, request.to_us)
        wanted = Wanted(request.camera, request.kind or "", request.state)
        entries = await store.newest(*span, request.limit, wanted, request.skip)
        return {
            "alerts": [entry_message(entry) for entry in entries],
            "count": await store.count(*span, wanted),
            "waiting": await store.count(*span, wanted._replace(state="todo")),
        }

    async def _said(self, request: AnswerRequest | ReportRequest | ArmRequest) -> dict[str, Any]:
        """What a person says: a verdict, a fact, a word on what is watched."""
        match request:
            case AnswerRequest():
                answer = Answer(self._clock.utc_us(), request.verdict, request.by, request.note)
                await self._desk.answer(request.number, answer)
                return {"alert": entry_message(await self._desk.store.entry(request.number))}
            case ReportRequest():
                self._known([request.camera])
                return {"number": await self._desk.report(request.camera, request.kind, request.by, request.note)}
            case ArmRequest():
                self._known(request.cameras)
                if not request.by.strip():
                    raise ReportEmpty
                await self._arming.arm(
                    request.cameras, armed=request.armed, by=request.by, why=request.why, until_us=request.until_us
                )
                return {"cameras": self._arming.message()}

    def _known(self, cameras: list[str]) -> None:
        for camera in cameras:
            if camera not in self._cameras:
                raise NoSuchCamera(camera=camera[:64])
