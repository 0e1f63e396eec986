"""Clip routes: a stretch of a stream as MP4 files that any player opens, every `mdat` as it was recorded.

How a clip is cut is `evidence.clip`'s business; here it is listed, named and sent.
"""

import asyncio
import logging
import re
import unicodedata
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import web

from appliance.core.chain import Facts, Tell
from appliance.core.errors import ApplianceError
from appliance.evidence.clip import ClipChunk, ClipFile, plan_clip
from appliance.web import lock, query
from appliance.web.errors import NoSuchFile
from appliance.web.lawful import ClockTold, clock_body
from appliance.web.look_book import Span
from appliance.web.media import RECORDER, find_stream, json_response, not_recorded, send_blocks
from appliance.web.recorder import Answer, Recorder, SiteInfo
from appliance.web.who import account_of

log = logging.getLogger(__name__)

SITE: Final = web.AppKey("site", SiteInfo)
ZONE: Final = web.AppKey("zone", ZoneInfo)
TELL: Final[web.AppKey[Tell]] = web.AppKey("tell")
"""Enters in the service's journal which footage left the appliance."""

LEASE_S: Final = 60
"""s. Longest lease of the recorder: the chunks are not freed while a clip is being sent."""

RENEW_S: Final = 30.0
"""s. Half a lease: one renewal may fail, a recorder that restarts say, before anything can be freed."""

BATCH: Final = 1 << 20
"""Bytes gathered by one visit to a thread: enough that the visits cost nothing beside the reading."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Plan:
    """A clip to send: its files, and the chunks they come from by path."""

    files: list[ClipFile]
    chunks: Mapping[str, Answer]


@asynccontextmanager
async def kept(recorder: Recorder, camera: str, asked: query.ClipsQuery) -> AsyncIterator[None]:
    """Keep the footage from being freed while the block runs; the recorder is told when it may go.

    A renewal that fails is tried again: what is lost then is seen by every read and never sent as video.
    """
    find_stream(await recorder.state(), camera, asked.q)

    async def take() -> str:
        return str((await recorder.lease(camera, asked.q, asked.from_, asked.to, LEASE_S))["lease"])

    held = [await take()]

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            try:
                held.append(await take())
                await recorder.release(held[0])
                held.pop(0)
            except ApplianceError as error:
                log.warning("clip of %s/%s: lease not renewed: %s", camera, asked.q, error)

    renewing = asyncio.create_task(renew())
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
        for lease in held:
            with suppress(ApplianceError):  # ended by itself, or the recorder is gone: nothing is held
                await recorder.release(lease)


async def clips(request: web.Request) -> web.StreamResponse:
    """GET clips: the files of a clip; one unless the codec parameters changed on the way."""
    camera = query.path(request, query.CameraPath).id
    asked = query.query(request, query.ClipsQuery)
    await lock.check(request, Span(camera, asked.q, asked.from_, asked.to, asked.to))
    async with kept(request.app[RECORDER], camera, asked):
        planned = (await _plan(request, camera, asked)).files
    state = await request.app[RECORDER].state()
    name = find_name(state, camera)
    zone = request.app[ZONE]
    body: dict[str, Any] = {
        "camera": camera,
        "stream": asked.q,
        "from_us": asked.from_,
        "to_us": asked.to,
        "clock": clock_body(ClockTold.model_validate(state["clock"]) if "clock" in state else None),
        "files": [
            {
                "file": number,
                "name": file_name(request.app[SITE].name, name, file, zone, number, len(planned)),
                "from_us": file.from_us,
                "to_us": file.to_us,
                "length": file.size,
            }
            for number, file in enumerate(planned, 1)
        ],
    }
    return json_response(body)


async def clip(request: web.Request) -> web.StreamResponse:
    """GET clip.mp4: one file of a clip, its length known, sent as it is read."""
    camera = query.path(request, query.CameraPath).id
    asked = query.query(request, query.ClipQuery)
    async with kept(request.app[RECORDER], camera, asked):
        return await _send(request, await _plan(request, camera, asked), camera, asked)


async def _send(request: web.Request, plan: Plan, camera: str, asked: query.ClipQuery) -> web.StreamResponse:
    planned = plan.files
    if asked.file > len(planned):
        raise NoSuchFile(files=len(planned))
    file = planned[asked.file - 1]
    span = Span(camera, asked.q, file.from_us, file.to_us, file.to_us)
    await lock.admit(request, span)
    recorder = request.app[RECORDER]
    title = file_name(
        request.app[SITE].name,
        find_name(await recorder.state(), camera),
        file,
        request.app[ZONE],
        asked.file,
        len(planned),
    )
    response = web.StreamResponse(headers={"Content-Type": "video/mp4", "Content-Disposition": disposition(title)})
    response.content_length = file.size
    blocks = file.blocks(lambda path, offset, length: recorder.read(plan.chunks[path], offset, length), payloads=False)
    if request.method != "HEAD":  # entered before the first byte leaves, whether the client takes them all or not
        taken: Facts = {"camera": camera, "stream": asked.q, "from_utc_us": file.from_us, "to_utc_us": file.to_us}
        request.app[TELL]("clip-taken", {"who": account_of(request).name, **taken, "bytes": file.size})
    return await send_blocks(request, response, lambda: _gather(blocks), lambda: lock.still(request, span))


def _gather(blocks: Iterator[bytes | memoryview]) -> bytes:
    """The next BATCH bytes or a little more, empty at the end. Runs in a thread: reading blocks."""
    held: list[bytes | memoryview] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= BATCH:
            break
    return b"".join(held)


async def _plan(request: web.Request, camera: str, asked: query.ClipsQuery) -> Plan:
    recorder = request.app[RECORDER]
    answer = await recorder.ranges(camera, asked.q, asked.from_, asked.to, from_keyframe=True)
    rows: Sequence[Answer] = answer["chunks"]

    def plan() -> list[ClipFile]:
        chunks = [ClipChunk.of(row, row["path"], bytes(recorder.read(row, 0, row["init_length"]))) for row in rows]
        return plan_clip(chunks, asked.from_, asked.to)

    files = await asyncio.to_thread(plan)
    if not files:
        raise await not_recorded(recorder, camera, asked.q, asked.from_, {"chunks": []})
    return Plan(files, {row["path"]: row for row in rows})


def find_name(state: Mapping[str, Any], camera: str) -> str:
    """The camera's name for people."""
    return next((str(row["name"]) for row in state["cameras"] if row["id"] == camera), camera)


def file_name(site: str, camera: str, file: ClipFile, zone: ZoneInfo, number: int, files: int) -> str:
    """A telling name: site, camera, first instant in the site's time with its offset, seconds, part number."""
    start = (EPOCH + timedelta(microseconds=file.from_us)).astimezone(zone)
    seconds = max(1, round((file.to_us - file.from_us) / 1_000_000))
    part = f"_{number}-sur-{files}" if files > 1 else ""
    return f"{_plain(site)}_{_plain(camera)}_{start.strftime('%Y-%m-%d_%Hh%Mm%Ss%z')}_{seconds}s{part}.mp4"


def disposition(name: str) -> str:
    """Content-Disposition (RFC 6266): ASCII name for old clients, UTF-8 for the others."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}"


def _plain(text: str) -> str:
    """Letters, digits and hyphens only: safe in any file system, no path, no quote."""
    return re.sub(r"[^\w]+", "-", text, flags=re.UNICODE).strip("-_") or "sans-nom"
