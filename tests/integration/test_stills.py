"""The picture process as it runs: a child with limits of its own, real H.264 and H.265, and bytes that mean harm."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import av
import psutil
import pytest

from appliance.core.clock import SimulatedClock
from appliance.core.errors import ApplianceError
from appliance.media.part import parse_part
from appliance.stills import client as stills
from appliance.stills.client import StillsClient, by_child, by_socket
from appliance.stills.errors import StillsUnreachable, StillUnreadable
from appliance.stills.wire import JPEG_BEGINS, Kind
from appliance.stills.worker import WIDEST
from appliance.web.aim import newest
from appliance.web.aim_errors import NothingToAim
from appliance.web.stills import parts_of, still_of
from tests.integration.test_ring_socket import rig_with_camera, served
from tests.peers.fake_stills import FakeStills
from tests.peers.footage import HEADER, Chunk, encode, with_parameters
from tests.peers.patience import reached

COMMENT = b"\xff\xfe"
DIES = """
import os, socket
from appliance.stills.worker import serve
serve(socket.socket(fileno=0), lambda asked: os.abort())
"""
STAYS = """
import socket, time
from appliance.stills import worker
worker.TIME_S = 0.3
worker.serve(socket.socket(fileno=0), lambda asked: time.sleep(50))
"""


def coded(
    codec: Literal["h264", "h265"], size: tuple[int, int] = (320, 180), count: int = 50
) -> tuple[bytes, list[bytes]]:
    """Init segment, and the parts of `count` pictures that begin with a keyframe."""
    footage = encode(count, codec=codec, gop=50, width=size[0], height=size[1])
    chunk = Chunk(with_parameters(HEADER, footage.parameters)).parts(footage.units)
    return chunk.init, [bytes(chunk.data[one.offset : one.offset + one.length]) for one in chunk.entries]


def shown(jpeg: bytes) -> tuple[int, int, float]:
    """Width, height and mean brightness of a JPEG, by libav."""
    context = av.CodecContext.create("mjpeg", "r")
    assert isinstance(context, av.VideoCodecContext)
    (frame,) = context.decode(av.Packet(jpeg))
    return frame.width, frame.height, float(frame.to_ndarray(format="gray").mean())


@pytest.fixture
async def client() -> AsyncIterator[StillsClient]:
    made = StillsClient(by_child(), SimulatedClock())
    yield made
    await made.close()


@pytest.mark.parametrize("codec", ["h264", "h265"])
async def test_a_keyframe_and_the_newest_picture_as_jpeg(client: StillsClient, codec: Literal["h264", "h265"]) -> None:
    init, parts = coded(codec)
    first = await client.still(init, parts[:1], Kind.KEYFRAME)
    newest = await client.still(init, parts, Kind.NEWEST)
    assert first.startswith(JPEG_BEGINS)
    assert COMMENT not in first[:200], "no text of the encoder's"
    assert b"Exif" not in first
    assert shown(first)[:2] == shown(newest)[:2] == (320, 180)
    assert first != newest, "the one is two seconds after the other"


async def test_a_large_picture_comes_smaller(client: StillsClient) -> None:
    init, parts = coded("h265", (1280, 720), 4)
    assert shown(await client.still(init, parts[:1], Kind.KEYFRAME))[:2] == (WIDEST, 540)


async def test_hostile_bytes_are_an_error_with_a_name_and_the_next_picture_comes(client: StillsClient) -> None:
    init, parts = coded("h265")
    with pytest.raises(StillUnreadable):
        await client.still(b"no moov at all", parts, Kind.NEWEST)
    for broken in (b"", b"\xff" * 5000, parts[0][:300], init):
        with pytest.raises(StillUnreadable):
            await client.still(init, [broken], Kind.NEWEST)
    damaged = bytearray(parts[0])
    damaged[parse_part(parts[0]).payload_offset + 40] ^= 0x5A  # a wrong check sum: not decoded
    with pytest.raises(StillUnreadable):
        await client.still(init, [bytes(damaged)], Kind.KEYFRAME)
    assert shown(await client.still(init, parts, Kind.NEWEST))[:2] == (320, 180)


@pytest.mark.parametrize("script", [DIES, STAYS])
async def test_a_process_that_dies_or_stays_is_told_and_not_started_at_once(
    script: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stills, "AGAIN_US", 10_000_000_000)
    client = StillsClient(by_child((sys.executable, "-c", script)), SimulatedClock())
    with pytest.raises(StillUnreadable, match="process"):
        await client.still(b"i", [b"p"], Kind.NEWEST)
    with pytest.raises(StillsUnreachable):
        await client.still(b"i", [b"p"], Kind.NEWEST)
    await client.close()


def workers() -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "appliance.stills.worker" in child.cmdline():
                found.append(child)
    return found


async def test_a_killed_process_is_started_anew_for_the_same_question(client: StillsClient) -> None:
    init, parts = coded("h264")
    await client.still(init, parts, Kind.NEWEST)
    (child,) = await asyncio.to_thread(workers)
    child.kill()
    gone = await asyncio.to_thread(reached, lambda: not child.is_running(), 10.0)
    assert gone, "nothing is left of it, no zombie either"
    assert (await client.still(init, parts, Kind.NEWEST)).startswith(JPEG_BEGINS)
    (other,) = await asyncio.to_thread(workers)
    assert other.pid != child.pid


async def test_the_socket_that_systemd_holds(tmp_path: Path) -> None:
    path = tmp_path / "stills.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        command = ("import os,sys; os.dup2(int(sys.argv[1]), 3); os.environ.update(LISTEN_FDS='1'); "
                   "from appliance.cli import main; sys.argv[1:] = ['stills']; sys.exit(main())")  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", command, str(listening.fileno()), pass_fds=[listening.fileno()]
        )
        client = StillsClient(by_socket(path), SimulatedClock())
        init, parts = coded("h265")
        assert (await client.still(init, parts, Kind.NEWEST)).startswith(JPEG_BEGINS)
        await client.close()
        process.terminate()
        await process.wait()


async def test_nobody_there_is_said(tmp_path: Path) -> None:
    client = StillsClient(by_socket(tmp_path / "none.sock"), SimulatedClock())
    with pytest.raises(ApplianceError) as told:
        await client.still(b"i", [b"p"], Kind.NEWEST)
    assert isinstance(told.value, StillsUnreachable)


async def test_what_is_aimed_by_is_the_rings_durable_mark_from_its_keyframe_on(tmp_path: Path) -> None:
    rig, camera = await rig_with_camera(tmp_path)
    asked = FakeStills()
    async with served(rig) as (ring, _):
        camera.start()
        await rig.record(30, camera)
        found = await newest(ring, "cam", rig.clock.utc_us())
        assert found.end_us == rig.clock.utc_us()
        await still_of(asked, ring, found, keyframe_only=False)
        await still_of(asked, ring, found, keyframe_only=True)
        assert asked.asked == [(Kind.NEWEST, len(parts_of(found))), (Kind.KEYFRAME, 1)]
        rig.clock.advance(11)
        with pytest.raises(NothingToAim):
            await newest(ring, "cam", rig.clock.utc_us())
