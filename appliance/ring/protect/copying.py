"""Parts from a chunk of the ring to a chunk of the protected pool: read past the page cache, moved, chained anew.

Reading blocks and runs in helper threads; the chunk being written to is an `OpenChunk` like those of recording, with
the same format, recovery and tools. Every part is checked before it is copied (header, payload, generation): a copy
proves at least what its source proved, and a source that was given to another camera in between is found out.
"""

import mmap
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from appliance.core.units import BLOCK, us_to_ticks
from appliance.media.errors import PartUnreadable
from appliance.media.part import ParsedPart, PartEntry, parse_part, verify_payload
from appliance.media.part_copy import dts_of, move_part
from appliance.ring.chunk import (
    MAX_HEADER,
    ChunkHeader,
    encode_header,
    parts_limit,
    read_header,
    table_full,
    terminator,
)
from appliance.ring.disks.disk import Disk, chunk_name
from appliance.ring.errors import ChunkUnreadable
from appliance.ring.protect.policy import Hold
from appliance.ring.writer import OpenChunk

BATCH: Final = 1 << 20
"""Bytes read and put together, a single larger part apart: a few parts of a main stream, a hundred of a sub-stream."""


@dataclass(slots=True)
class Batch:
    """Parts that hold, one behind the other in `data` (which has room for a terminator behind them).

    `header`: of the chunk they lie in; `bad`: the part behind them does not hold; `gone`: the chunk is another one.
    """

    header: ChunkHeader | None
    data: memoryview
    parts: list[ParsedPart]
    entries: list[PartEntry]
    bad: PartEntry | None = None
    gone: bool = False


def read_batch(disk: Disk, number: int, generation: int, entries: Sequence[PartEntry]) -> Batch:
    """Read parts that follow each other in a chunk, and its header. Raises OSError."""
    start = entries[0].offset
    length = entries[-1].offset + entries[-1].length - start
    data = memoryview(mmap.mmap(-1, length + BLOCK))
    head = memoryview(mmap.mmap(-1, MAX_HEADER))
    direct = disk.flush_mode.direct
    fd = os.open(disk.path / chunk_name(number), os.O_RDONLY | os.O_CLOEXEC | (os.O_DIRECT if direct else 0))
    try:
        _read(fd, head, 0)
        _read(fd, data[:length], start)
        if not direct:  # what is copied once is not worth what it would push out of the cache
            os.posix_fadvise(fd, start, length, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)
    try:
        header = read_header(head).header
    except ChunkUnreadable:
        return Batch(None, data, [], [], gone=True)
    if header.generation != generation:
        return Batch(None, data, [], [], gone=True)
    return _checked(Batch(header, data, [], []), entries, generation)


def _read(fd: int, into: memoryview, offset: int) -> None:
    done = 0
    while done < len(into):
        count = os.preadv(fd, [into[done:]], offset + done)
        if count == 0:
            return  # zeros: no part begins with them
        done += count


def _checked(batch: Batch, entries: Sequence[PartEntry], generation: int) -> Batch:
    at = 0
    for entry in entries:
        try:
            part = parse_part(batch.data, at)
        except PartUnreadable:
            batch.bad = entry
            return batch
        h = part.header
        same = (h.generation, h.run, h.sequence, part.length) == (generation, entry.run, entry.sequence, entry.length)
        if not same or not verify_payload(batch.data, part):
            batch.bad = entry
            return batch
        batch.parts.append(part)
        batch.entries.append(entry)
        at += part.length
    return batch


def new_chunk(
    disk: Disk, index: int, number: int, fd: int, generation: int, batch: Batch, hold: Hold
) -> tuple[OpenChunk, bytes]:
    """A chunk of the protected pool for these parts, and its header's bytes."""
    assert batch.header is not None
    first = batch.parts[0].header
    header = replace(
        batch.header,
        generation=generation,
        number=number,
        disk_uuid=disk.identity.uuid,
        opened_utc_us=first.utc_us,
        opened_monotonic_us=first.monotonic_us,
        boot_id=first.boot_id,
        base_ticks=dts_of(first.monotonic_us),
        protected=hold.plain(),
    )
    data = encode_header(header, disk.geometry)
    info = read_header(data)
    chunk = OpenChunk(
        disk=index,
        geometry=disk.geometry,
        number=number,
        fd=fd,
        header=header,
        header_length=info.length,
        init_length=info.init_length,
        header_crc=info.crc,
        first_utc_us=first.utc_us,
        base_ticks=header.base_ticks,
        base_boot=first.boot_id,
        end=info.length,
        last_crc=info.crc,
        init=data[: info.init_length],
    )
    return chunk, data


def follows(chunk: OpenChunk, batch: Batch) -> bool:
    """May these parts go on in this chunk: same stream and parameters, no part of their run left out, room for one?"""
    assert batch.header is not None
    first = batch.entries[0]
    last = chunk.entries[-1] if chunk.entries else None
    whole = last is None or last.run != first.run or last.sequence + 1 == first.sequence
    same = (chunk.header.key, chunk.header.parameters) == (batch.header.key, batch.header.parameters)
    return whole and same and fitting(chunk, batch) > 0


def fitting(chunk: OpenChunk, batch: Batch) -> int:
    """How many of the parts, from the first, have room in the chunk."""
    end, parts, keyframes = chunk.end, chunk.parts, chunk.keyframes
    for count, entry in enumerate(batch.entries):
        if end + entry.length > parts_limit(chunk.geometry) or table_full(parts, keyframes, chunk.geometry):
            return count
        end += entry.length
        parts += 1
        keyframes += entry.starts_keyframe
    return len(batch.entries)


def place(chunk: OpenChunk, batch: Batch, count: int) -> memoryview:
    """Give the first `count` parts their place; returns the blocks to write at the chunk's former end.

    The parts' `mdat`s are those of the source, bit for bit. The rest of the batch is still to be placed elsewhere:
    see `rest`.
    """
    start = batch.parts[0].offset
    for part, entry in zip(batch.parts[:count], batch.entries[:count], strict=True):
        tfdt = _tfdt(chunk, part)
        moved = replace(part.entry(chunk.end), tfdt=tfdt)  # times as written: whoever reads them dates them again
        chunk.last_crc = move_part(
            batch.data,
            part,
            offset=chunk.end,
            generation=chunk.header.generation,
            previous_crc=chunk.last_crc,
            tfdt=tfdt,
        )
        chunk.entries.append(moved)
        chunk.end += entry.length
        chunk.last_end = tfdt + entry.duration
        chunk.parts += 1
        chunk.keyframes += entry.starts_keyframe
    end = batch.parts[count - 1].offset + batch.parts[count - 1].length
    if count < len(batch.parts):  # the block behind is the next part's: it is needed as it is
        data = memoryview(bytearray(end - start + BLOCK))
        data[: end - start] = batch.data[start:end]
    else:
        data = batch.data[start : end + BLOCK]
    data[end - start :] = terminator(chunk.end, chunk.geometry)
    return data


def rest(batch: Batch, count: int) -> Batch:
    """What is left of a batch whose first `count` parts were placed."""
    return replace(batch, parts=batch.parts[count:], entries=batch.entries[count:])


def _tfdt(chunk: OpenChunk, part: ParsedPart) -> int:
    """Ticks since the chunk's first sample; another run or boot goes on behind it by the time that has gone by."""
    h = part.header
    dts = dts_of(h.monotonic_us)
    last = chunk.entries[-1] if chunk.entries else None
    if last is not None and (last.run != h.run or h.boot_id != chunk.base_boot):
        known = h.boot_id == chunk.base_boot
        elapsed = dts - chunk.base_ticks if known else us_to_ticks(h.utc_us - chunk.first_utc_us)
        chunk.base_ticks = dts - max(elapsed, chunk.last_end)
        chunk.base_boot = h.boot_id
    return dts - chunk.base_ticks


def rebase_recovered(disk: Disk, chunk: OpenChunk) -> None:
    """After a start: the chunk's time base as its last part has it, so that the same run goes on. Raises OSError."""
    if not chunk.entries:
        return
    last = chunk.entries[-1]
    fd = os.open(disk.path / chunk_name(chunk.number), os.O_RDONLY | os.O_CLOEXEC)
    try:
        head = os.pread(fd, last.length, last.offset)
    finally:
        os.close(fd)
    try:
        header = parse_part(head).header
    except PartUnreadable:
        return  # walked a moment ago: another run's rules serve
    chunk.base_ticks = dts_of(header.monotonic_us) - last.tfdt
    chunk.base_boot = header.boot_id
