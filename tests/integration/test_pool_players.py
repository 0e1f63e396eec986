"""Protected copies in the hands of others: a chunk of the pool is an MP4 file like any other, all pictures in it."""

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import pytest

from appliance.core.units import us_to_ticks
from appliance.media.stream import AccessUnit
from appliance.ring.disks.disk import DEMO_GEOMETRY, chunk_name
from appliance.ring.disks.identity import read_identity
from tests.integration.test_players import PLAYERS, decoded, expected, ffprobe, hashes, mp4box, pictures, whole
from tests.peers.footage import FRAME, HEADER, Footage, encode
from tests.peers.holding import asked, hold, until
from tests.peers.pictures import run_start
from tests.peers.ring_rig import KEY, Rig

TICKS = 40
"""Sixteen seconds of real pictures, a keyframe each second."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that VLC may use too: it refuses root and is then run as nobody."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path


async def recorded_and_held(base: Path, footage: Footage) -> Path:
    """The file of the pool that holds the copy of the last ten seconds."""
    rig = await Rig(base).format(disks=1, chunks=20, geometry=DEMO_GEOMETRY, protected=4)
    ring = rig.new()
    sink = ring.stream(KEY, "Essai")
    async with rig.running():
        sink.start_run(run_start(rig.clock, parameters=footage.parameters))
        shift = us_to_ticks(rig.clock.monotonic_us()) - HEADER.base_ticks
        for tick in range(TICKS):
            for unit in footage.units[tick * 10 : tick * 10 + 10]:
                sink.append(AccessUnit(unit.data, unit.dts_ticks + shift, unit.pts_ticks + shift, unit.keyframe))
            rig.clock.advance(10 * FRAME / 90_000)
            await ring.tick()
            await ring.settle()
        kept = await hold(rig, asked(rig, last_s=10))
        await until(rig, lambda: kept.state == "complete")
    return await asyncio.to_thread(pool_file, rig.disks[0].path)


def pool_file(disk: Path) -> Path:
    identity = read_identity(disk)
    files = [disk / chunk_name(number) for number in range(identity.of_ring, identity.chunks)]
    (used,) = [file for file in files if any(file.read_bytes()[:4096])]
    return used


async def test_players_read_every_picture_of_a_protected_copy(tmp_path: Path, folder: Path) -> None:
    footage = await asyncio.to_thread(encode, TICKS * 10)
    copy = await asyncio.to_thread(copyfile, await recorded_and_held(tmp_path, footage), folder / "copy.mp4")
    await asyncio.to_thread(compare, copy, footage)


def compare(copy: Path, footage: Footage) -> None:
    read = ffprobe(copy)
    digests = whole(footage.units)
    first = digests.index(hashes(read)[0])
    held = footage.units[first : first + len(read["packets"])]
    assert hashes(read) == whole(held), "in order, byte for byte"
    assert held[0].keyframe
    assert 250 <= len(held) <= 250 + 25 + 10, "10 s, and at most a GOP and a part before"
    for player in PLAYERS:
        assert pictures(player(copy)) == expected(held)
    assert decoded(copy) == len(held)
    found = mp4box(copy)
    assert found["samples"] == len(held)
    assert found["digest"] == hashlib.sha256(b"".join(unit.data for unit in held)).hexdigest()
