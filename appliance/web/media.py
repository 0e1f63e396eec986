"""Media routes: GOP, init segment, parts and history of one stream, straight from the ring's published bytes."""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from aiohttp import web

from appliance.core.cause import GapCause
from appliance.core.errors import ApplianceError
from appliance.core.units import US_PER_SECOND
from appliance.media import hevc
from appliance.ring.faults import ChunkReused
from appliance.web import lock, query
from appliance.web.errors import NoLongerKept, NoSuchInit, NotRecorded, UnknownCamera
from appliance.web.look_book import Span
from appliance.web.pauses import cut_by_pauses, read_pauses
from appliance.web.problem import Problem
from appliance.web.recorder import Answer, Recorder
from appliance.web.slices import MediaSlice, all_parts, behind, gop_complete, gop_slice, neighbours, parts_slice
from appliance.web.timeline import NOT_YET, UNKNOWN, Gap, cause_name, find_gaps, gap_at, light_only, read_spans, words
from appliance.web.who import reached

log = logging.getLogger(__name__)

RECORDER: Final = web.AppKey("recorder", Recorder)

GOP_REACH_US: Final = (4 * US_PER_SECOND, 30 * US_PER_SECOND, 300 * US_PER_SECOND)
"""us asked for behind an instant to see its GOP's end: 2 s GOPs are the rule, "smart" codecs reach minutes."""

NEIGHBOUR_US: Final = 60 * US_PER_SECOND
"""us around an instant without video that are searched for what was recorded next to it."""

LATER_US: Final = 1800 * US_PER_SECOND
"""us searched behind footage that was given away under a reader: more than a chunk of a light stream holds."""

WRITE: Final = 256 << 10
"""Bytes per write: over TLS a twelfth of what a FileResponse costs (engineering note 21); smaller writes cost more."""

READ: Final = 4 << 20
"""Bytes per read of a chunk; its generation is checked around each."""


async def gop(request: web.Request) -> web.StreamResponse:
    """GET gop: the parts of the GOP that contains `t`, or a problem that names the gap."""
    camera = query.path(request, query.CameraPath).id
    asked = query.query(request, query.GopQuery)
    recorder = request.app[RECORDER]
    found = await find_gop(recorder, camera, asked.q, asked.t)
    await lock.admit(request, _span(camera, asked.q, found))
    try:
        return await _send(request, found, with_init=asked.init, skip=asked.skip)
    except ChunkReused:
        raise await _no_longer_kept(recorder, (camera, asked.q), found) from None


async def find_gop(recorder: Recorder, camera: str, stream: str, instant: int) -> MediaSlice:
    """The GOP of an instant, whole. Raises what `not_recorded` makes."""
    answer: Answer = {"chunks": []}
    for reach in GOP_REACH_US:
        answer = await recorder.ranges(camera, stream, instant, instant + reach, from_keyframe=True)
        if gop_complete(answer, instant) or answer["durable_us"] is None or answer["durable_us"] <= instant + reach:
            break
    found = gop_slice(answer, instant)
    if found is None:
        raise await not_recorded(recorder, camera, stream, instant, answer)
    return found


async def parts(request: web.Request) -> web.StreamResponse:
    """GET parts: whole parts by time, from a keyframe on, up to a chunk's or a run's end."""
    camera = query.path(request, query.CameraPath).id
    asked = query.query(request, query.PartsQuery)
    recorder = request.app[RECORDER]
    answer = await recorder.ranges(camera, asked.q, asked.from_, asked.to, from_keyframe=True)
    found = parts_slice(answer, asked.from_)
    if found is None:
        raise await not_recorded(recorder, camera, asked.q, asked.from_, answer)
    await lock.admit(request, _span(camera, asked.q, found))
    return await _send(request, found, with_init=asked.init)


async def init(request: web.Request) -> web.StreamResponse:
    """GET init: ftyp and moov of the chunk that the id names."""
    where = query.path(request, query.InitPath)
    instant, disk, number, generation = where.init_id.split("-")
    recorder = request.app[RECORDER]
    at = int(instant)
    await lock.check(request, Span(where.id, "init", at, at + 1, at + 1))
    for stream in ("sub", "main"):
        answer = await recorder.ranges(where.id, stream, at, at + 1, from_keyframe=True)
        for chunk in answer["chunks"]:
            if (str(chunk["disk"]), chunk["number"], chunk["generation"]) == (disk, int(number), int(generation)):
                body = await asyncio.to_thread(recorder.read, chunk, 0, chunk["init_length"])
                return web.Response(body=body, headers={"Content-Type": content_type(chunk, body)})
    raise NoSuchInit


async def timeline(request: web.Request) -> web.StreamResponse:
    """GET timeline: spans and gaps of one stream, each gap with its cause in words."""
    camera = query.path(request, query.CameraPath).id
    asked = query.query(request, query.TimelineQuery)
    from_us, to_us = reached(request, camera, asked.from_, asked.to)
    recorder = request.app[RECORDER]
    state = await recorder.state()
    stream = find_stream(state, camera, asked.stream)
    history = await _history(recorder, state, stream, (camera, asked.stream, from_us, to_us))
    missing: list[Gap] = []
    streams = next(row["streams"] for row in state["cameras"] if row["id"] == camera)
    if asked.stream == "sub" and "main" in streams:
        main = await _history(recorder, state, streams["main"], (camera, "main", from_us, to_us))
        missing = light_only(_gaps_of(main), _gaps_of(history))
    return json_response({**history, "light_only": [gap.body() for gap in missing]})


def _span(camera: str, stream: str, found: MediaSlice) -> Span:
    """A slice as the viewing lock is asked for it. The recorder hands out what is durable alone: its end is."""
    return Span(camera, stream, found.start_us, found.end_us, found.end_us)


def json_response(body: Mapping[str, Any], status: int = 200) -> web.Response:
    """A JSON body as UTF-8 as it is: French sentences stay readable in a terminal."""
    text = json.dumps(body, ensure_ascii=False).encode()
    return web.Response(status=status, body=text, content_type="application/json")


def find_stream(state: Answer, camera: str, stream: str) -> Answer:
    """The state of one stream; UnknownCamera when the site has none of that name."""
    for row in state["cameras"]:
        if row["id"] == camera and stream in row["streams"]:
            found: Answer = row["streams"][stream]
            return found
    raise UnknownCamera(camera=camera, stream=stream)


def content_type(chunk: Answer, init_segment: bytes) -> str:
    """MIME type with the RFC 6381 codecs string, as MediaSource wants it."""
    codec = str(chunk["codec"])
    if codec == "h265":  # the sample entry has what the string is made of (ISO/IEC 14496-15 8.3.3.1)
        hvcc = re.search(rb"hvcC\x01(.{12})", init_segment, re.DOTALL)
        codec = hevc.codecs(hvcc[1]) if hvcc else "hvc1.1.6.L120.90"
    elif "." not in codec:  # a bare "h264": profile, constraints and level stand in avcC (ISO/IEC 14496-15 5.3.3.1)
        found = re.search(rb"avcC\x01(...)", init_segment, re.DOTALL)
        codec = f"avc1.{found[1].hex()}" if found else "avc1.640028"
    return f'video/mp4; codecs="{codec}"'


async def _history(
    recorder: Recorder, state: Answer, stream: Answer, what: tuple[str, str, int, int]
) -> dict[str, Any]:
    camera, name, from_us, to_us = what
    now = int(state["now_utc_us"])
    answer = await recorder.spans(camera, name, from_us, to_us)
    spans = read_spans(answer, from_us, to_us)
    last = spans[-1].to_us if spans else from_us
    after = UNKNOWN
    if to_us < now and last < to_us:
        later = read_spans(await recorder.spans(camera, name, to_us, now), to_us, now)
        after = later[0].cause if later else UNKNOWN
    live = answer.get("live") or {}
    live_cause = cause_name(live.get("cause"))
    gaps = find_gaps(
        spans, from_us, to_us, now_us=now, first_us=stream.get("first_utc_us"), after=after, live=live_cause
    )
    gaps = cut_by_pauses(gaps, read_pauses(answer))
    fr, en = words(live_cause)
    return {
        "camera": camera,
        "stream": name,
        "from_us": from_us,
        "to_us": to_us,
        "now_us": now,
        "first_us": stream.get("first_utc_us"),
        "durable_us": answer["durable_us"],
        "spans": [{"from_us": span.from_us, "to_us": span.to_us} for span in spans],
        "gaps": [gap.body() for gap in gaps],
        "live": {"state": str(live.get("state", "unknown")), "cause": live_cause, "fr": fr, "en": en},
    }


async def not_recorded(recorder: Recorder, camera: str, stream: str, instant: int, near: Answer) -> Exception:
    """UnknownCamera, or NotRecorded with the gap, the recorded instants beside it and the durable mark."""
    state = await recorder.state()
    row = find_stream(state, camera, stream)
    around = (camera, stream, max(0, instant - NEIGHBOUR_US), instant + NEIGHBOUR_US)
    history = await _history(recorder, state, row, around)
    found = gap_at(_gaps_of(history), instant) or Gap(
        instant, instant, UNKNOWN if instant < history["now_us"] else NOT_YET
    )
    before, after = neighbours(near, instant)
    if after is None:
        after = await _next_recorded(recorder, (camera, stream), instant, history["now_us"])
    fr, en = words(found.cause)
    return Problem(
        NotRecorded(cause_fr=fr, cause_en=en),
        gap=found.body(),
        previous_us=before,
        next_us=after,
        durable_us=history["durable_us"],
    )


def _gaps_of(history: Mapping[str, Any]) -> list[Gap]:
    return [Gap(gap["from_us"], gap["to_us"], gap["cause"], gap["open"]) for gap in history["gaps"]]


async def _no_longer_kept(recorder: Recorder, key: tuple[str, str], found: MediaSlice) -> Problem:
    """The place of a GOP was given to new video while it was read: all of its chunk is gone, later ones may stand."""
    answer = await recorder.ranges(*key, found.start_us, found.start_us + LATER_US)
    gone = (found.chunk["disk"], found.chunk["number"])
    later = [part.utc_us for chunk, part in all_parts(answer) if (chunk["disk"], chunk["number"]) != gone]
    following = min((at for at in later if at >= found.end_us), default=None)
    gap = Gap(found.start_us, following or found.end_us, GapCause.ERASED.name)
    return Problem(NoLongerKept(), gap=gap.body(), previous_us=None, next_us=following)


async def _next_recorded(recorder: Recorder, key: tuple[str, str], instant: int, now: int) -> int | None:
    if instant >= now:
        return None
    spans = read_spans(await recorder.spans(*key, instant, now), instant, now)
    return spans[0].from_us if spans else None


async def send_blocks(
    request: web.Request,
    response: web.StreamResponse,
    more: Callable[[], bytes],
    still: Callable[[], None] = lambda: None,
) -> web.StreamResponse:
    """Send what `more` yields (in a thread, empty at the end) in writes of WRITE bytes; Content-Length is set already.

    The first block is read before the head is sent, so that lost footage is a problem body. Lost later, the
    connection is cut: shorter than its Content-Length, no client takes it for whole. `still` is asked before each
    write and raises when it may not go on.
    """
    block = await asyncio.to_thread(more)
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        while block:
            view = memoryview(block)
            for start in range(0, len(view), WRITE):
                still()
                await response.write(view[start : start + WRITE])
            block = await asyncio.to_thread(more)
    except ApplianceError as error:
        log.warning("%s cut short: %s: %s", request.path, error.code, error)
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def _send(request: web.Request, found: MediaSlice, *, with_init: bool, skip: int = 0) -> web.StreamResponse:
    """`skip`: so many bytes are not sent; what the headers say is of all of it."""
    recorder = request.app[RECORDER]
    head = await asyncio.to_thread(recorder.read, found.chunk, 0, found.chunk["init_length"])
    response = web.StreamResponse(headers=_headers(found, content_type(found.chunk, head)))
    before = head if with_init else b""
    left = behind(found, skip - len(before))
    before = before[skip:]
    response.content_length = left.length + len(before)
    blocks = _blocks(recorder, left, before)
    return await send_blocks(request, response, lambda: next(blocks, b""))


def _blocks(recorder: Recorder, found: MediaSlice, head: bytes) -> Iterator[bytes]:
    """The slice's bytes in reads of READ; the first one goes out with the head, in one block."""
    for at in range(0, found.length, READ):
        block = recorder.read(found.chunk, found.offset + at, min(found.length - at, READ))
        yield head + block if at == 0 and head else block


def _headers(found: MediaSlice, mime: str) -> dict[str, str]:
    """What a player needs beside the bytes; figures are UTC microseconds."""
    named = {"Content-Type": mime, "Media-Init": found.init_id, "Media-Zero-Utc": str(found.zero_us)}
    return {**named, **timing(found)}


def timing(found: MediaSlice) -> dict[str, str]:
    """Where a slice lies and where the video goes on behind it: UTC microseconds, as headers."""
    headers = {"Media-Start-Utc": str(found.start_us), "Media-End-Utc": str(found.end_us)}
    if found.next_us is not None:
        headers["Media-Next-Utc"] = str(found.next_us)
    return headers
