"""The recorder's socket: answers `state`, `spans`, `ranges`, `lease`, `subscribe`, `hold`... (see both protocols).

Who may ask is decided by the kernel's word on the peer (SO_PEERCRED, unix(7)): root, our own user, or a user that the
table names for the verb. Nothing a client sends or omits can stop the recording: garbage is answered and the
connection closed, a subscriber that stops reading keeps one slot a stream.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from appliance.core.cause import GapCause
from appliance.core.line_errors import BadRequest
from appliance.core.lines import PEER_UID, LineServer, Refused, encode, send, unheard
from appliance.media.stream import StreamKey
from appliance.ring.access.backup_stream import give_copy, take_copy
from appliance.ring.access.feed import Subscriber
from appliance.ring.access.protocol import (
    AdoptRequest,
    ConfirmTimeRequest,
    KeepRequest,
    KeptRequest,
    LeaseRequest,
    RangesRequest,
    RebuildIndexRequest,
    ReleaseRequest,
    Request,
    SpansRequest,
    StateRequest,
    SubscribeRequest,
    chunk_message,
    parse_request,
    part_line,
    span_message,
)
from appliance.ring.dating.clock_gate import ClockDesk
from appliance.ring.protect import protocol as hold_protocol
from appliance.ring.recording import Ring

log = logging.getLogger(__name__)

SEND_BUFFER: Final = 256 << 10
"""Bytes of feed waiting in the process for a slow subscriber before it is waited for: one tick of a main stream."""


Pauses = Callable[[str, int, int], list[tuple[int, int, str]]]
"""When a camera was kept from recording in [from, to): (from, to, name of the cause), in order."""


def no_pauses(_camera: str, _from_us: int, _to_us: int) -> list[tuple[int, int, str]]:
    """A Pauses for a recorder without calendar."""
    return []


class RecorderServer(LineServer[Request | hold_protocol.AnyHoldRequest]):
    """Serves one ring on one socket."""

    def __init__(
        self,
        ring: Ring,
        extra_state: Callable[[], dict[str, Any]],
        allowed: Mapping[str, frozenset[int]] | None = None,
        clock: ClockDesk | None = None,
        pauses: Pauses = no_pauses,
    ) -> None:
        """`extra_state`: added to the answer of `state`; `allowed`: uids a verb is open to besides root and ours.

        `clock`: asked before pictures are shown; None: nobody doubts it. `pauses`: told beside the spans of a stream.
        """
        super().__init__(allowed)
        self._ring = ring
        self._extra_state = extra_state
        self._clock = clock
        self._pauses = pauses

    setting = "recorder.socket"

    def parse(self, line: bytes) -> Request | hold_protocol.AnyHoldRequest:
        """A checked request. Raises BadRequest, nothing else."""
        return parse_request(line, hold_protocol.MODELS)

    async def answer(self, request: Request | hold_protocol.AnyHoldRequest) -> bytes:
        """The line that answers it. Raises ApplianceError for a refusal in words."""
        if isinstance(request, hold_protocol.AnyHoldRequest):
            answer = await hold_protocol.answer(self._ring, request)
        else:
            answer = await self._answer(request)
        return await asyncio.to_thread(_encoded, request.id, answer)

    async def stream(
        self,
        request: Request | hold_protocol.AnyHoldRequest,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """`subscribe`, `keep` and `kept` take the whole connection."""
        self._dated(request)
        match request:
            case SubscribeRequest():
                await self._feed(request, reader, writer)
            case KeepRequest():
                await take_copy(self._ring.backups, request, reader, writer)
            case KeptRequest():
                await give_copy(self._ring.backups, request, writer)
            case _:
                return False
        return True

    def _dated(self, request: Request | hold_protocol.AnyHoldRequest) -> None:
        """Pictures are shown by their date only while the date is believed. Raises ClockDoubtful."""
        refusal = self._clock.refusal() if self._clock is not None and isinstance(request, _BY_DATE) else None
        if refusal is not None:
            raise refusal

    async def _answer(self, request: Request) -> dict[str, Any]:
        match request:
            case StateRequest():
                return _merged(self._ring.state(), self._extra_state())
            case SpansRequest():
                return await self._spans(request)
            case RangesRequest():
                chunks = await self._ring.ranges(
                    request.key,
                    request.from_us,
                    request.to_us,
                    from_keyframe=request.from_keyframe,
                    hold=request.hold,
                )
                durable_us = None if request.hold else self._ring.durable_us(request.key)
                return {"chunks": chunks, "durable_us": durable_us}
            case LeaseRequest():
                lease, until_us = await self._ring.lease(request.key, request.from_us, request.to_us, request.seconds)
                return {"lease": lease, "until_us": until_us}
            case ReleaseRequest() | AdoptRequest() | RebuildIndexRequest():
                await self._do(request)
                return {}
            case SubscribeRequest() | KeepRequest() | KeptRequest():
                raise BadRequest(why=request.verb)  # have their own way
            case ConfirmTimeRequest():
                return {} if self._clock is None else {"clock": await self._clock.confirm(PEER_UID.get())}

    async def _do(self, request: ReleaseRequest | AdoptRequest | RebuildIndexRequest) -> None:
        """What is answered by being done."""
        if isinstance(request, ReleaseRequest):
            self._ring.release(request.lease)
        elif isinstance(request, RebuildIndexRequest):
            self._ring.rebuild_index()
        else:
            await self._ring.adopt(Path(request.path), request.name)

    async def _spans(self, request: SpansRequest) -> dict[str, Any]:
        spans = await self._ring.spans(request.key, request.from_us, request.to_us)
        state, cause = self._ring.live(request.key)
        name = (self._why_now(request.key) if state == "gap" else "") or cause.name
        return {
            "spans": spans,
            "pauses": self._pauses(request.key.camera, request.from_us, request.to_us),
            "durable_us": self._ring.durable_us(request.key),
            "live": {"state": state, "cause": name},
        }

    def _why_now(self, key: StreamKey) -> str:
        """Why capture waits now. The ring knows only how its last run ended: a reset, then a refused password."""
        for camera in self._extra_state().get("cameras", ()):
            if camera["id"] == key.camera:
                cause = str(camera["streams"].get(key.stream, {}).get("cause", ""))
                return "" if cause == GapCause.NONE.name else cause
        return ""

    async def _feed(
        self, request: SubscribeRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Send parts until the peer goes."""
        subscriber = self._ring.subscribe(request.keys)
        gone = asyncio.create_task(reader.read(1), name="subscriber gone")
        sending = asyncio.create_task(self._send_parts(request.id, subscriber, writer), name="subscriber")
        try:
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            subscriber.close()
            for task in (gone, sending):
                task.cancel()
            await asyncio.gather(gone, sending, return_exceptions=True)

    async def _send_parts(self, number: int, subscriber: Subscriber, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=SEND_BUFFER)
        await send(writer, encode({"id": number, "ok": True}))
        shown: dict[StreamKey, bytes] = {}  # the init segment each stream was last sent with
        while True:
            parts = await subscriber.take()
            if self._clock is not None and self._clock.refusal() is not None:
                return  # who subscribes again is told why
            for part in parts:
                new = shown.get(part.key) != part.init
                shown[part.key] = part.init
                writer.write(part_line(part, with_init=new))
                writer.write(part.data)
                await writer.drain()


async def serve(
    ring: Ring,
    path: Path,
    extra_state: Callable[[], dict[str, Any]],
    allowed: Mapping[str, frozenset[int]] | None = None,
    clock: ClockDesk | None = None,
    *,
    pauses: Pauses = no_pauses,
    refused: Refused = unheard,
) -> RecorderServer:
    """A server that listens; the caller closes it before the ring. `refused`: told of every refusal."""
    server = RecorderServer(ring, extra_state, allowed, clock, pauses)
    server.refused = refused
    await server.start(path)
    return server


_BY_DATE: Final = (RangesRequest, LeaseRequest, SubscribeRequest)
"""Requests for pictures. `state` and `spans` tell what there is and that its time is not verified."""

_OF_THE_RING: Final = ("durable_utc_us", "first_utc_us", "dropped", "lost", "pending")
"""Fields of a stream's state in the ring that are shown with its camera."""


def _merged(ring: dict[str, Any], extra: dict[str, Any]) -> dict[str, Any]:
    """The ring's state and the others', and with each camera's stream how far it is safe on disk."""
    streams = ring["streams"]
    for camera in extra.get("cameras", ()):
        for name, stream in camera["streams"].items():
            held = streams.get(f"{camera['id']}/{name}", {})
            stream.update((field, held.get(field)) for field in _OF_THE_RING)
    return {**ring, **extra}


def _encoded(number: int, answer: dict[str, Any]) -> bytes:
    """The line of an answer; its spans and chunks become plain values here, away from the event loop."""
    plain = {"id": number, "ok": True, **answer}
    if "spans" in answer:
        plain["spans"] = [span_message(span) for span in answer["spans"]]
    if "chunks" in answer:
        plain["chunks"] = [chunk_message(chunk) for chunk in answer["chunks"]]
    return encode(plain)
