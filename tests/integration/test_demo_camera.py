"""The simulated camera on a real socket: what it says it sent is what arrives, well and ill."""

import asyncio
import itertools
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.demo.auth import AuthScheme
from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.clip import Clip, load, save
from appliance.demo.counter import find_stamp, read_burnt, read_sei
from appliance.demo.encode import EncodeSettings, encode
from appliance.demo.faults import FaultScript, FaultStep
from appliance.demo.scenes import pictures
from appliance.demo.stream import StreamOptions, digest
from tests.peers.need import need

OPEN = CameraOptions(auth="none", report_period_s=0.5)
FAST = replace(OPEN, stream=StreamOptions(rate=5))
"""Five times the pictures in the same time: a test of two GOPs takes under a second."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Four seconds of the drawn yard at 10 pictures a second, GOP 2 s, through the cache's files."""
    folder = tmp_path_factory.mktemp("clip")
    fps = Fraction(10)
    made = encode("cour", pictures("cour", 640, 360, fps, seconds=4), EncodeSettings(640, 360, fps, 400_000))
    save(made, folder)
    loaded = load(folder, "cour")
    assert loaded == made
    return made


@dataclass
class Media:
    """What a client received on one channel pair."""

    packets: list[tuple[int, int, bool, bytes]] = field(default_factory=list)  # sequence, timestamp, marker, payload
    reports: list[bytes] = field(default_factory=list)
    ssrcs: set[int] = field(default_factory=set)

    def pictures(self) -> list[list[bytes]]:
        """NAL units by picture, from whole packets."""
        found: list[list[bytes]] = [[]]
        for _, _, marker, payload in self.packets:
            kind = payload[0] & 31
            if kind == 24:
                at = 1
                while at < len(payload):
                    length = int.from_bytes(payload[at : at + 2], "big")
                    found[-1].append(payload[at + 2 : at + 2 + length])
                    at += 2 + length
            elif kind != 28:
                found[-1].append(payload)
            elif payload[1] & 0x80:
                found[-1].append(bytes((payload[0] & 0xE0 | payload[1] & 31,)) + payload[2:])
            else:
                found[-1][-1] += payload[2:]
            if marker:
                found.append([])
        return found[:-1]


class Client:
    """The smallest RTSP client: no authentication, one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, base: str) -> None:
        self.reader, self.writer, self.base = reader, writer, base
        self.media = Media()
        self._cseq = 0

    async def ask(self, method: str, track: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
        self._cseq += 1
        url = self.base + (f"/{track}" if track else "")
        lines = [f"{method} {url} RTSP/1.0", f"CSeq: {self._cseq}", *(f"{k}: {v}" for k, v in headers.items())]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        while True:
            first = await self.reader.readexactly(1)
            if first == b"$":
                await self._packet()
                continue
            text = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *rest = text.strip().split("\r\n")
            found = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in rest)}
            body = await self.reader.readexactly(int(found.get("content-length", "0")))
            assert found["cseq"] == str(self._cseq)
            return int(status.split()[1]), found, body.decode()

    async def play(self) -> dict[str, str]:
        assert (await self.ask("SETUP", "trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1"))[0] == 200
        status, headers, _ = await self.ask("PLAY", Range="npt=0.000-")
        assert status == 200
        return headers

    async def until(self, enough: Callable[[Media], bool]) -> Media:
        while not enough(self.media):
            assert await self.reader.readexactly(1) == b"$"
            await self._packet()
        return self.media

    async def _packet(self) -> None:
        channel, length = struct.unpack(">BH", await self.reader.readexactly(3))
        data = await self.reader.readexactly(length)
        if channel == 1:
            self.media.reports.append(data)
            return
        _, second, sequence, timestamp, ssrc = struct.unpack_from(">BBHII", data)
        self.media.ssrcs.add(ssrc)
        self.media.packets.append((sequence, timestamp, bool(second & 0x80), data[12:]))


@asynccontextmanager
async def connected(camera: SimulatedCamera, stream: str = "sub") -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", camera.port)
    try:
        yield Client(reader, writer, camera.url(stream))
    finally:
        writer.close()


def enough_pictures(count: int) -> Callable[[Media], bool]:
    return lambda media: sum(marker for _, _, marker, _ in media.packets) >= count


async def test_what_is_sent_is_what_arrives_to_the_last_nal_unit(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, connected(camera) as client:
        status, _, sdp = await client.ask("DESCRIBE", Accept="application/sdp")
        assert status == 200
        assert "packetization-mode=1;sprop-parameter-sets=" in sdp
        headers = await client.play()
        media = await client.until(enough_pictures(90))  # more than two loops of the clip
        pictures_got = media.pictures()
        sent = camera.sent("sub")
        assert len({row.counter for row in sent}) == len(sent)  # never repeats, whatever the clip does
        assert sent[0].keyframe
        for nals, row in zip(pictures_got, sent, strict=False):
            assert [(len(nal), digest(nal)) for nal in nals] == list(row.nals)
            stamps = [stamp for nal in nals if (stamp := read_sei(nal))]
            assert [(s.counter, s.utc_us, s.tag) for s in stamps] == [(row.counter, row.utc_us, 0)]
        counters = [row.counter for row in sent]
        assert counters == list(range(counters[0], counters[0] + len(sent)))
        first = media.packets[0]
        assert f"seq={first[0]};rtptime={first[1]}" in headers["rtp-info"]
        sequences = [packet[0] for packet in media.packets]
        assert all((b - a) % 65536 == 1 for a, b in itertools.pairwise(sequences))


async def test_sender_reports_date_the_media_clock(clip: Clip) -> None:
    options = replace(FAST, report_clock_offset_s=3.0)
    async with SimulatedCamera({"sub": clip}, options=options) as camera, connected(camera) as client:
        await client.play()
        media = await client.until(lambda m: len(m.reports) >= 2 and enough_pictures(10)(m))
        row, packet = camera.sent("sub")[0], media.packets[0]
        for report in media.reports:
            ntp, timestamp = struct.unpack_from(">QI", report, 8)
            utc_us = (ntp >> 32) * 1_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000 >> 32) - 2_208_988_800_000_000
            ticks = (timestamp - packet[1]) % 2**32
            assert abs(utc_us - 3_000_000 - (row.utc_us + ticks * 100 // 9)) <= 30


async def test_each_client_has_its_own_numbers_and_begins_with_a_keyframe(clip: Clip) -> None:
    async with (
        SimulatedCamera({"sub": clip}, options=FAST) as camera,
        connected(camera) as one,
        connected(camera) as two,
    ):
        await one.play()
        await one.until(enough_pictures(7))
        await two.play()
        await two.until(enough_pictures(5))
        await one.until(enough_pictures(40))
        assert one.media.ssrcs.isdisjoint(two.media.ssrcs)
        assert len(one.media.ssrcs) == len(two.media.ssrcs) == 1
        for client in (one, two):
            kinds = [nal[0] & 31 for nal in client.media.pictures()[0]]
            assert kinds == [7, 8, 6, 5, 5]  # SPS, PPS, our SEI, the clip's slice, the strip
        assert max(row.clients for row in camera.sent("sub")) == 2
        assert camera.counts.setups == 2


async def test_audio_is_offered_and_its_setup_is_counted(clip: Clip) -> None:
    options = replace(FAST, audio=True)
    async with SimulatedCamera({"sub": clip}, options=options) as camera, connected(camera) as client:
        _, _, sdp = await client.ask("DESCRIBE")
        assert "m=audio 0 RTP/AVP 8" in sdp
        await client.ask("SETUP", "trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1")
        assert camera.counts.audio_setups == 0
        await client.ask("SETUP", "trackID=1", Transport="RTP/AVP/TCP;unicast;interleaved=2-3")
        assert camera.counts.audio_setups == 1


async def test_answers_to_wrong_requests(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, connected(camera) as client:
        assert (await client.ask("PLAY"))[0] == 455
        assert (await client.ask("SETUP", "trackID=0", Transport="RTP/AVP;unicast;client_port=5000-5001"))[0] == 461
        assert (await client.ask("RECORD"))[0] == 405
        assert (await client.ask("DESCRIBE", "nothing"))[0] == 404
        assert (await client.ask("GET_PARAMETER"))[0] == 200
        await client.play()
        assert (await client.ask("TEARDOWN"))[0] == 200
        assert camera.counts.teardowns == 1


async def test_a_session_without_requests_ends(clip: Clip) -> None:
    options = replace(FAST, session_timeout_s=0.4)
    async with SimulatedCamera({"sub": clip}, options=options) as camera, connected(camera) as client:
        await client.play()
        with pytest.raises(asyncio.IncompleteReadError):
            await client.until(lambda _: False)
        assert camera.counts.expired == 1


async def test_reset_ends_with_rst(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, connected(camera) as client:
        await client.play()
        await client.until(enough_pictures(2))
        camera.run_script(FaultScript((FaultStep(0.05, "reset"),)))
        with pytest.raises(ConnectionResetError):
            await client.until(lambda _: False)


async def test_silence_loses_pictures_but_no_count(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, connected(camera) as client:
        await client.play()
        await client.until(enough_pictures(3))
        camera.faults.silence(0.4)
        await client.until(enough_pictures(30))
        counters = [row.counter for row in camera.sent("sub")]
        jumps = [b - a for a, b in itertools.pairwise(counters) if b - a > 1]
        assert len(jumps) == 1
        assert 16 <= jumps[0] <= 26  # 0.4 s at 50 pictures a second
        sequences = [packet[0] for packet in client.media.packets]
        assert all((b - a) % 65536 == 1 for a, b in itertools.pairwise(sequences))


async def test_a_stall_cuts_a_packet_and_loses_nothing(clip: Clip) -> None:
    loop = asyncio.get_running_loop()
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, connected(camera) as client:
        await client.play()
        await client.until(enough_pictures(3))
        camera.faults.stall(0.5)
        start = loop.time()
        longest = 0.0
        for count in range(4, 40):
            before = loop.time()
            await client.until(enough_pictures(count))
            longest = max(longest, loop.time() - before)
        assert longest >= 0.4
        assert loop.time() - start >= 0.5
        for nals, row in zip(client.media.pictures(), camera.sent("sub"), strict=False):
            assert [(len(nal), digest(nal)) for nal in nals] == list(row.nals)


async def test_lost_packets_leave_holes_in_the_sequence(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, connected(camera) as client:
        await client.play()
        await client.until(enough_pictures(3))
        camera.faults.lose_burst(3)
        await client.until(enough_pictures(20))
        camera.faults.lose(every=10, seconds=0.3)
        await client.until(enough_pictures(50))
        sequences = [packet[0] for packet in client.media.packets]
        holes = [(b - a) % 65536 - 1 for a, b in itertools.pairwise(sequences)]
        assert holes.count(3) == 1
        assert holes.count(1) >= 2
        assert any(row.damaged for row in camera.sent("sub"))


async def test_refused_listens_again_on_the_same_port(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera:
        port = camera.port
        camera.faults.refuse(0.3)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await asyncio.sleep(0.4)
        async with connected(camera) as client:
            await client.play()
            await client.until(enough_pictures(2))
        assert camera.port == port


async def test_half_an_answer_then_nothing(clip: Clip) -> None:
    async with SimulatedCamera({"sub": clip}, options=FAST) as camera, connected(camera) as client:
        camera.faults.half_answers(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.ask("DESCRIBE"), 0.3)


def decode_over_rtsp(url: str, count: int) -> list[tuple[int, int | None, int]]:
    """(counter in the SEI, counter read from the picture, tag) of pictures that PyAV received by itself."""
    found = []
    stamps: dict[int | None, int] = {}
    options = {"rtsp_transport": "tcp", "allowed_media_types": "video"}
    with av.open(url, mode="r", options=options, timeout=20) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            stamp = find_stamp(bytes(packet))
            assert stamp is not None
            stamps[packet.pts] = stamp.counter
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                burnt = read_burnt(np.asarray(frame.to_ndarray(format="gray"), np.uint8), frame.width, frame.height)
                found.append((stamps.pop(frame.pts), burnt.counter if burnt else None, burnt.tag if burnt else -1))
            if len(found) >= count:
                return found
    return found


@pytest.mark.parametrize("auth", ["digest", "basic"])  # FFmpeg keeps the last of several Digest challenges
async def test_pyav_logs_in_and_reads_the_burnt_in_counter(clip: Clip, auth: AuthScheme) -> None:
    options = replace(FAST, auth=auth)
    async with SimulatedCamera({"main": clip, "sub": clip}, number=5, options=options) as camera:
        url = camera.url("sub", credentials=True)
        found = await asyncio.to_thread(decode_over_rtsp, url, 90)
        assert [sei for sei, _, _ in found] == [burnt for _, burnt, _ in found]
        assert {tag for _, _, tag in found} == {21}
        counters = [sei for sei, _, _ in found]
        assert counters == list(range(counters[0], counters[0] + len(counters)))
        assert camera.counts.refused == 0


async def run(*command: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode("utf-8", "replace")


async def test_ffmpeg_records_every_picture_and_finds_no_error(clip: Clip, tmp_path: Path) -> None:
    need("ffmpeg")
    target = tmp_path / "got.mp4"
    options = CameraOptions(audio=True, stream=StreamOptions(rate=3, aggregate_sets=True))
    async with SimulatedCamera({"main": clip}, options=options) as camera:
        url = camera.url("main", credentials=True)
        reading = ("-rtsp_transport", "tcp", "-allowed_media_types", "video", "-i", url)
        code, text = await run("ffmpeg", "-v", "error", *reading, "-frames:v", "60", "-c", "copy", str(target))
        assert code == 0, text
        assert camera.counts.audio_setups == 0
        sent = [row.counter for row in camera.sent("main")]
    found = await asyncio.to_thread(counters_of, target)
    assert found == sent[: len(found)]
    assert len(found) == 60
    code, text = await run("ffmpeg", "-v", "warning", "-err_detect", "explode", "-i", str(target), "-f", "null", "-")
    assert (code, text) == (0, "")


def counters_of(path: Path) -> list[int]:
    with av.open(str(path), mode="r") as container:
        stamps = [find_stamp(bytes(packet)) for packet in container.demux(container.streams.video[0]) if packet.size]
    return [stamp.counter for stamp in stamps if stamp is not None]


async def test_wrong_password_is_refused_and_counted(clip: Clip) -> None:
    need("ffprobe")
    async with SimulatedCamera({"main": clip}) as camera:
        url = camera.url("main", credentials=True)
        camera.faults.wrong_password(30)
        code, text = await run("ffprobe", "-v", "error", "-rtsp_transport", "tcp", url)
        assert code != 0
        assert "401" in text
        assert camera.counts.refused >= 1


async def test_gstreamer_decodes_it(clip: Clip) -> None:
    need("gst-launch-1.0", "h264parse")
    async with SimulatedCamera({"main": clip}, options=CameraOptions(stream=StreamOptions(rate=3))) as camera:
        source = f"rtspsrc location={camera.url('main')} user-id={camera.user} user-pw={camera.password} protocols=tcp"
        line = f"{source} ! rtph264depay ! h264parse ! identity eos-after=40 ! fakesink sync=false"
        code, text = await run("timeout", "30", "gst-launch-1.0", "-q", *line.split())
        assert code == 0, text
        assert len(camera.sent("main")) >= 40
