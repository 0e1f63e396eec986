"""The readers' side of the ring: ask the recorder where footage lies, then read it from the disks.

Files are opened read-only and read with pread, never mapped. The ring may free a chunk at any time unless it is
leased: each slice is read between two looks at the generation in the chunk's header, and is thrown away with
ChunkReused when it is not the one that was asked for. Nothing here touches the event loop but the socket.
"""

import asyncio
import base64
import hashlib
import json
import os
import struct
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from appliance.core.lines import ASK_S, LineClient
from appliance.media.part import PartEntry
from appliance.media.stream import StreamKey
from appliance.ring.access.part_ref import PartRef
from appliance.ring.chunk import HEADER_USERTYPE
from appliance.ring.faults import ChunkReused, DiskUnreadable, RecorderRefused, RecorderUnreachable

SLICE: Final = 4 << 20
"""Bytes read between two looks at the generation."""

HOLD_S: Final = 3600.0
"""Seconds for the answer of `hold`: a day's sequence is copied in half an hour."""

KEEP_S: Final = 900.0
"""Seconds for a copy on its way to a disk or back: 128 MiB at the slowest that slices are written."""

_GENERATION_AT: Final = 44
_LOOK: Final = _GENERATION_AT + 8  # of the header box, which lies behind the init segment (ring/chunk.py)


Answer = Mapping[str, Any]
"""An answer of the recorder as it came: a JSON object (ring/access/protocol.py)."""


@dataclass(frozen=True, slots=True)
class ReadableChunk:
    """Parts of one chunk as `ranges` told them. Bytes, ticks, microseconds; `base_utc_us`: UTC of `tfdt` 0."""

    disk: str
    path: Path
    number: int
    generation: int
    codec: str
    width: int
    height: int
    init_length: int
    base_utc_us: int
    wire_parts: Sequence[Sequence[int]]

    @property
    def parts(self) -> list[PartRef]:
        """The parts, in order."""
        return [PartRef(*part) for part in self.wire_parts]


@dataclass(frozen=True, slots=True)
class LivePart:
    """A part of the feed. `init`: its init segment, when it is the first or another than before; ticks, us."""

    key: StreamKey
    run: int
    sequence: int
    utc_us: int
    duration: int
    keyframe: bool
    init: bytes | None
    data: bytes


class RecorderClient(LineClient):
    """Asks the recorder; one connection, kept, made again after an error. Calls may overlap: they wait in turn."""

    def __init__(self, path: Path, *, answer_s: float = ASK_S) -> None:
        super().__init__(path, unreachable=RecorderUnreachable, refused=RecorderRefused, answer_s=answer_s)

    async def state(self) -> Answer:
        """The recorder's state as it says it. Every call raises RecorderUnreachable or RecorderRefused."""
        return await self.ask("state")

    async def spans(self, camera: str, stream: str, from_us: int, to_us: int) -> Answer:
        """Recorded stretches within [from, to), the durable mark, and what is live."""
        return await self.ask("spans", camera=camera, stream=stream, from_us=from_us, to_us=to_us)

    async def ranges(
        self, camera: str, stream: str, from_us: int, to_us: int, *, from_keyframe: bool = False, hold: str = ""
    ) -> Answer:
        """Where the parts of [from, to) lie, at most 2 h: give each of `chunks` to `readable` or `read`.

        `hold`: of the copies of that hold alone.
        """
        fields: dict[str, object] = {"camera": camera, "stream": stream, "from_us": from_us, "to_us": to_us}
        if hold:
            fields["hold"] = hold
        return await self.ask("ranges", **fields, from_keyframe=from_keyframe)

    async def hold(self, streams: Iterable[StreamKey], **fields: object) -> Answer:
        """Keep a sequence (hold_protocol.HoldRequest has the fields); `hold`: what it became, and its state.

        Answers when all that is recorded of it is durable in the protected pool: on a connection of its own.
        """
        async with RecorderClient(self._path, answer_s=HOLD_S) as own:
            return await own.ask("hold", streams=[str(key) for key in streams], **fields)

    async def extend_hold(self, hold: str, *, until_us: int | None = None, expires_us: int | None = None) -> Answer:
        """Another end or another expiry."""
        return await self.ask("hold-extend", hold=hold, until_us=until_us, expires_us=expires_us)

    async def release_hold(self, hold: str) -> None:
        """Give a hold back; returns when its copies are destroyed."""
        await self.ask("release-hold", hold=hold)

    async def holds(self) -> Answer:
        """`holds`: each with state and size; `free_bytes` of the pool."""
        return await self.ask("holds")

    async def lease(self, camera: str, stream: str, from_us: int, to_us: int, seconds: float) -> Answer:
        """Keep the chunks of a time for `seconds` (<= 60): `lease` and `until_us`."""
        times = {"from_us": from_us, "to_us": to_us}
        return await self.ask("lease", camera=camera, stream=stream, **times, seconds=seconds)

    async def release(self, lease: str) -> None:
        """End a lease."""
        await self.ask("release", lease=lease)

    async def confirm_time(self) -> Answer:
        """A person says that the appliance's time is right; {"clock": status}. Raises what `ask` raises."""
        return await self.ask("confirm-time")

    async def rebuild_index(self) -> None:
        """Have the index made again; answers at once, `state` says `rebuilding` until it is done."""
        await self.ask("rebuild-index")

    async def adopt(self, path: Path, name: str) -> None:
        """Take over another appliance's disk, which a person has named. Raises what `ask` raises."""
        await self.ask("adopt", path=str(path), name=name)

    async def keep(self, name: str, data: bytes) -> int:
        """Have a copy of one of this service's files written to a recording disk; UTC us of it when it is durable.

        On a connection of its own. Raises what `ask` raises.
        """
        reader, writer = await self._connect()
        try:
            told = {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            self._checked(await self._exchange(reader, writer, {"id": next(self._ids), "verb": "keep", **told}))
            async with asyncio.timeout(KEEP_S):
                for at in range(0, len(data), SLICE):
                    writer.write(data[at : at + SLICE])
                    await writer.drain()
                answer = json.loads(await reader.readuntil())
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise RecorderUnreachable(why=str(error) or "timeout") from error
        finally:
            writer.close()
        return int(self._checked(answer)["utc_us"])

    async def kept(self, name: str) -> tuple[bytes, int]:
        """(bytes, UTC us) of the newest whole copy of such a file. Raises what `ask` raises ("no-backup": none)."""
        reader, writer = await self._connect()
        try:
            told = self._checked(
                await self._exchange(reader, writer, {"id": next(self._ids), "verb": "kept", "name": name})
            )
            async with asyncio.timeout(KEEP_S):
                return await reader.readexactly(told["size"]), told["utc_us"]
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise RecorderUnreachable(why=str(error) or "timeout") from error
        finally:
            writer.close()

    def read(self, chunk: Answer, offset: int, length: int) -> bytes:
        """Bytes of a chunk of `ranges`; blocks: use a thread. Raises ChunkReused, DiskUnreadable."""
        return read_bytes(readable(chunk), offset, length)

    async def subscribe(self, keys: Iterable[StreamKey]) -> AsyncIterator[LivePart]:
        """The newest durable parts, on a connection of its own; what is not read in time is left out."""
        reader, writer = await self._connect()
        try:
            number = next(self._ids)
            names = [str(key) for key in keys]
            self._checked(await self._exchange(reader, writer, {"id": number, "verb": "subscribe", "streams": names}))
            while True:
                try:
                    told = json.loads(await reader.readuntil())["part"]
                    data = await reader.readexactly(told["length"])
                except (OSError, asyncio.IncompleteReadError) as error:
                    raise RecorderUnreachable(why=str(error)) from error
                init = told.get("init")
                yield LivePart(
                    StreamKey(told["camera"], told["stream"]),
                    told["run"],
                    told["sequence"],
                    told["utc_us"],
                    told["duration"],
                    told["keyframe"],
                    None if init is None else base64.b64decode(init),
                    data,
                )
        finally:
            writer.close()


def readable(chunk: Answer) -> ReadableChunk:
    """A chunk of a `ranges` answer. Its parts are converted when they are asked for, not here."""
    return ReadableChunk(
        disk=chunk["disk"],
        path=Path(chunk["path"]),
        number=chunk["number"],
        generation=chunk["generation"],
        codec=chunk["codec"],
        width=chunk["width"],
        height=chunk["height"],
        init_length=chunk["init_length"],
        base_utc_us=chunk["base_utc_us"],
        wire_parts=chunk["parts"],
    )


async def read_init(chunk: ReadableChunk) -> bytes:
    """`ftyp` and `moov`: what a player needs before any part of this chunk. Raises as read_part_bytes."""
    return await read_part_bytes(chunk, 0, chunk.init_length)


async def read_part_bytes(chunk: ReadableChunk, offset: int, length: int) -> bytes:
    """Bytes of a chunk, read in a helper thread. Raises ChunkReused, DiskUnreadable."""
    return await asyncio.to_thread(read_bytes, chunk, offset, length)


async def read_parts(chunk: ReadableChunk, parts: Iterable[PartRef]) -> AsyncIterator[bytes]:
    """These parts in order, adjacent ones together, at most SLICE bytes or one part at a time."""
    offset = end = 0
    for part in parts:
        if part.offset != end or part.offset + part.length - offset > SLICE:
            if end > offset:
                yield await read_part_bytes(chunk, offset, end - offset)
            offset = part.offset
        end = part.offset + part.length
    if end > offset:
        yield await read_part_bytes(chunk, offset, end - offset)


def read_bytes(chunk: ReadableChunk, offset: int, length: int) -> bytes:
    """The same, blocking. Raises ChunkReused, DiskUnreadable."""
    pieces: list[bytes] = []
    try:
        fd = os.open(chunk.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            end = offset + length
            while offset < end:
                _look(fd, chunk)
                piece = os.pread(fd, min(SLICE, end - offset), offset)
                _look(fd, chunk)
                if not piece:
                    raise DiskUnreadable(path=str(chunk.path), why="size")
                pieces.append(piece)
                offset += len(piece)
        finally:
            os.close(fd)
    except OSError as error:
        raise DiskUnreadable(path=str(chunk.path), why=error.strerror or str(error)) from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _look(fd: int, chunk: ReadableChunk) -> None:
    """Is the chunk still the one that was asked for?"""
    box = os.pread(fd, _LOOK, chunk.init_length)
    if len(box) < _LOOK or box[8:24] != HEADER_USERTYPE:
        raise ChunkReused
    (generation,) = struct.unpack_from(">Q", box, _GENERATION_AT)
    if generation != chunk.generation:
        raise ChunkReused


def entry_of(part: PartRef, *, cause: int = 0, clock_state: int = 0) -> PartEntry:
    """The part as code that works on part tables wants it; cause and clock state are not on the wire."""
    return PartEntry(*part[:8], part.keyframe, part.starts_run, cause, clock_state)
