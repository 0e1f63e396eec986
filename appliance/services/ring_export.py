"""`appliance ring export`: footage as MP4 files, from the recorder or, without it, from the disks alone.

Without the recorder: complete files only, by the disks' own catalogues; with the true times that the disks know, none
that nobody knows, and nothing that is older than it may be by a present that somebody has confirmed.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

from appliance.core.clock import SystemClock
from appliance.core.errors import Language
from appliance.evidence.clip import ClipChunk, ClipFile, plan_clip
from appliance.media.stream import StreamKey
from appliance.ring.access.offline import parts_of, true_times
from appliance.ring.access.reader import ReadableChunk, RecorderClient, read_bytes, readable
from appliance.ring.dating.evidence import ask
from appliance.ring.disks.identity import read_identity
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.expiry.policy import expired_until
from appliance.ring.faults import RecorderUnreachable
from appliance.services.clock_words import instant
from appliance.services.errors import ClockUnconfirmed, ConfirmedTooEarly, FootageUndated, NothingRecorded
from appliance.services.hold_words import parse_instant
from appliance.site.load import load_site
from appliance.site.model import Site

ASKED_US: Final = 3_600_000_000
"""Microseconds asked of the recorder at a time; it answers 2 h at most."""

WATCH_US: Final = 600_000_000
"""A watch that is typed to the minute may be so far behind the last sign of a recorder, not more."""

Found = tuple[ReadableChunk, Sequence[Any]]
"""A chunk and its parts."""


def export(
    file: Path,
    asked: tuple[str, str, str, str],
    out: Path,
    confirmed: str,
    language: Language,
    foreign: Path | None = None,
) -> int:
    """Write the MP4 files of (camera, stream, from, to) into the folder `out`.

    `foreign`: another recorder's disk, read and never written to, by this site's days and its own dates. `confirmed`:
    the present as somebody typed it, "" when nobody did. Raises NothingRecorded, FootageUndated, ClockUnconfirmed,
    ConfirmedTooEarly, DateUnreadable, and what a disk that is none raises.
    """
    camera, stream, start, end = asked
    site, clock = load_site(file), SystemClock()
    zone = site.site.zone
    key = StreamKey(camera, "sub" if stream == "sub" else "main")
    from_us, to_us = parse_instant(start, zone), parse_instant(end, zone)
    chunks, undated = find(site, key, from_us, to_us, lambda: present(site, clock.utc_us(), confirmed), foreign)
    if foreign is not None:
        owner = read_identity(foreign)
        name = owner.site or "?"
        words = f"Disque de « {name} », enregistreur {owner.appliance[:8]} : lu sans y écrire."
        english = f'Disk of "{name}", recorder {owner.appliance[:8]}: read, not written to.'
        print(words if language == "fr" else english)
    by_path = {str(chunk.path): chunk for chunk, _ in chunks}
    clips = [
        ClipChunk(str(c.path), c.generation, read_bytes(c, 0, c.init_length), tuple(parts), c.codec, c.width, c.height)
        for c, parts in chunks
    ]
    files = plan_clip(clips, from_us, to_us)
    if not files and undated:
        raise FootageUndated(camera=camera, count=undated)
    if undated:
        print(FootageUndated(camera=camera, count=undated).sentence(language), file=sys.stderr)
    if not files:
        raise NothingRecorded(camera=camera, start=start, end=end)
    out.mkdir(parents=True, exist_ok=True)
    for number, clip in enumerate(files, 1):
        target = out / name_of(camera, key.stream, clip, instant(clip.from_us, zone, "en"), number)
        _write(target, clip, by_path)
        seconds = (clip.to_us - clip.from_us) / 1e6
        print(f"{target} : {seconds:.1f} s" if language == "fr" else f"{target}: {seconds:.1f} s")
    return 0


def name_of(camera: str, stream: str, clip: ClipFile, start: str, number: int) -> str:
    """`cour_main_2026-11-25_14h03m00s_1.mp4`, the site's time."""
    date, _, hour = start.partition(" ")
    return f"{camera}_{stream}_{date}_{hour.replace(':', 'h', 1).replace(':', 'm', 1)}s_{number}.mp4"


def find(
    site: Site, key: StreamKey, from_us: int, to_us: int, now_us: Callable[[], int], foreign: Path | None = None
) -> tuple[list[Found], int]:
    """The chunks of an interval in order of time, and how many runs of the stream are not dated.

    `now_us`: asked when the recorder is down or the disk is another's (`foreign`); see `present`, whose errors it
    raises.
    """
    if foreign is None:
        try:
            return asyncio.run(_asked(site, key, from_us, to_us)), 0
        except RecorderUnreachable:
            pass
    camera = next((camera for camera in site.camera if camera.id == key.camera), None)
    allowed_us = expired_until(now_us(), site.days_of(camera)[0], site.site.zone)
    paths = [disk.path for disk in site.disk] if foreign is None else [foreign]
    redating, undated = true_times(paths), set[int]()
    found: list[Found] = []
    for path in paths:
        try:
            told = parts_of(path, key, max(from_us, allowed_us + 1), to_us, redating)
        except (CatalogUnreadable, OSError) as error:
            logging.getLogger(__name__).error("%s: %s", path, error)  # noqa: TRY400 - the other disks are read
            continue
        undated |= told.undated
        found += [(chunk, [part for part in parts if part.utc_us > allowed_us]) for chunk, parts in told.chunks]
    return sorted(found, key=lambda pair: pair[1][0].utc_us if pair[1] else 0), len(undated)


def present(site: Site, machine_us: int, confirmed: str) -> int:
    """The present by which footage is too old to be shown, without a recorder to judge the clock. UTC microseconds.

    Nothing here can tell whether the machine's time is right, and an appliance that was in a cupboard for months may
    be any time behind: somebody has to type what his watch says. It is never earlier than the last sign of a recorder
    whose clock was trusted. Raises ClockUnconfirmed, ConfirmedTooEarly, DateUnreadable. Blocks.
    """
    zone = site.site.zone
    seen = [witness for disk in site.disk if (witness := ask(disk.path)) is not None and witness.trusted]
    last_us = max((witness.stamp.utc_us for witness in seen), default=0)
    if site.recorder.clock == "host":
        return max(machine_us, last_us)
    if not confirmed:
        raise ClockUnconfirmed(now=_minute(machine_us, zone))
    typed_us = parse_instant(confirmed, zone)
    if typed_us < last_us - WATCH_US:
        raise ConfirmedTooEarly(typed=_minute(typed_us, zone), last=_minute(last_us, zone))
    return max(typed_us, last_us)


def _minute(utc_us: int, zone: tzinfo) -> str:
    return instant(utc_us, zone, "en").replace(" ", "T")[:16]


async def _asked(site: Site, key: StreamKey, from_us: int, to_us: int) -> list[Found]:
    client = RecorderClient(site.recorder.socket)
    found: list[Found] = []
    try:
        for start in range(from_us, to_us, ASKED_US):
            end = min(to_us, start + ASKED_US)
            answer = await client.ranges(*key, start, end, from_keyframe=start == from_us)
            found += [(chunk, chunk.parts) for chunk in map(readable, answer["chunks"])]
    finally:
        await client.close()
    return found


def _write(target: Path, clip: ClipFile, chunks: Mapping[str, ReadableChunk]) -> None:
    def blocks() -> Iterator[bytes | memoryview]:
        return clip.blocks(lambda path, offset, length: read_bytes(chunks[path], offset, length))

    draft = target.with_suffix(".part")
    with draft.open("wb") as file:
        for block in blocks():
            file.write(block)
    draft.replace(target)
