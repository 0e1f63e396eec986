"""Holds on a ring of a rig: asked for, waited for, read back."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

from appliance.media.stream import StreamKey
from appliance.ring.chunk import read_header
from appliance.ring.protect.held import Kept
from appliance.ring.protect.policy import Hold, Reason
from appliance.ring.walk import ChunkState, walk
from tests.peers.ring_rig import KEY, SMALL, Rig, pictures

SUB = StreamKey("cam", "sub")
MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
T = TypeVar("T")


def asked(rig: Rig, *keys: StreamKey, last_s: float = 20, grow_s: float = 0, reason: Reason = Reason.INCIDENT) -> Hold:
    """A hold of the last seconds, growing for some more."""
    now = rig.clock.utc_us()
    return Hold(
        id="",
        streams=keys or (KEY,),
        from_us=now - round(last_s * 1e6),
        to_us=now + round(grow_s * 1e6),
        reason=reason,
        words="Essai",
        procedure="",
        requester="Personne",
        asked_us=0,
        expires_us=now + 5 * DAY_US,
    )


async def until(rig: Rig, condition: Callable[[], bool], ticks: int = 400) -> None:
    """Ticks, without recording, until something is true: copies run in threads between them."""
    for _ in range(ticks):
        if condition():
            return
        rig.clock.advance(0.01)
        await rig.ring.tick()
        await asyncio.sleep(0.002)
    raise AssertionError("did not happen")


async def done(rig: Rig, work: Coroutine[None, None, T]) -> T:
    """The result of what needs ticks to come to an end."""
    task = asyncio.create_task(work)
    await until(rig, task.done)
    return await task


async def hold(rig: Rig, what: Hold) -> Kept:
    return await done(rig, rig.ring.protected.hold(what))


async def held(rig: Rig, kept: Kept, key: StreamKey = KEY) -> list[bytes]:
    """Every picture of a hold, from the pool's files, CRC-checked."""
    return await asyncio.to_thread(pictures, await kept.catalogue.ranges(key, 0, rig.clock.utc_us() + DAY_US))


async def own(rig: Rig, kept: Kept, key: StreamKey = KEY) -> list[bytes]:
    """As `held`, as readers get it: each part once."""
    chunks = await rig.ring.ranges(key, 0, rig.clock.utc_us() + DAY_US, hold=kept.hold.id)
    return await asyncio.to_thread(pictures, chunks)


def pool_chunks(disk: Path, first: int = 14) -> list[tuple[ChunkState, object, int]]:
    """State, hold and number of parts of each file of a disk's pool that holds something. `first`: its number."""
    found: list[tuple[ChunkState, object, int]] = []
    for file in sorted(disk.glob("*/*.mp4"))[first:]:
        data = file.read_bytes()
        if any(data[:4096]):
            with file.open("rb") as handle:
                walked = walk(handle.fileno(), SMALL, deep=True)
            found.append((walked.state, read_header(data).header.protected, len(walked.entries)))
    return found
