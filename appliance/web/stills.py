"""One picture as JPEG, made by the picture process: the keyframe of an instant, behind the viewing lock.

For a camera of which nothing is recorded that this browser decodes. This process hands coded bytes on and decodes
nothing.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol

from aiohttp import web

from appliance.ring.access.part_ref import PartRef
from appliance.stills.errors import StillsUnreachable
from appliance.stills.wire import Kind
from appliance.web import lock, query
from appliance.web.look_book import Span
from appliance.web.media import RECORDER, find_gop, timing
from appliance.web.recorder import Recorder
from appliance.web.slices import MediaSlice


class Stills(Protocol):
    """The picture process (stills.client.StillsClient). Raises StillsUnreachable, StillUnreadable."""

    async def still(self, init: bytes, parts: Sequence[bytes], which: Kind) -> bytes: ...


class NoStills:
    """Where there is none."""

    async def still(self, init: bytes, parts: Sequence[bytes], which: Kind) -> bytes:
        raise StillsUnreachable


STILLS: Final = web.AppKey("stills", Stills)

WHICH: Final = {True: Kind.KEYFRAME, False: Kind.NEWEST}


async def keyframe(request: web.Request) -> web.StreamResponse:
    """GET keyframe.jpg: the picture that the GOP of an instant begins with; headers place it and the GOP in time."""
    camera = query.path(request, query.CameraPath).id
    asked = query.query(request, query.KeyframeQuery)
    recorder = request.app[RECORDER]
    found = await find_gop(recorder, camera, asked.q, asked.t)
    first = parts_of(found)[0]
    await lock.admit(request, Span(camera, asked.q, found.start_us, first.end_us, found.end_us))
    jpeg = await still_of(request.app[STILLS], recorder, found, keyframe_only=True)
    return web.Response(body=jpeg, headers={"Content-Type": "image/jpeg", **timing(found)})


async def still_of(stills: Stills, recorder: Recorder, found: MediaSlice, *, keyframe_only: bool) -> bytes:
    """A slice's first picture, or its last. Raises ChunkReused and what `Stills` raises."""
    wanted = parts_of(found)[:1] if keyframe_only else parts_of(found)
    last = wanted[-1]

    def read() -> tuple[bytes, bytes]:
        head = recorder.read(found.chunk, 0, found.chunk["init_length"])
        return head, recorder.read(found.chunk, found.offset, last.offset + last.length - found.offset)

    init, data = await asyncio.to_thread(read)
    starts = [part.offset - found.offset for part in wanted]
    parts = [data[at : at + part.length] for at, part in zip(starts, wanted, strict=True)]
    return await stills.still(init, parts, WHICH[keyframe_only])


def parts_of(found: MediaSlice) -> list[PartRef]:
    """The parts of a slice, in order: one at the least."""
    rows = (PartRef(*row) for row in found.chunk["parts"])
    return [part for part in rows if found.offset <= part.offset < found.offset + found.length]
