"""Rows of a clip of 60 s at 4 Mbit/s: CPU of the service that sends it, on HTTP and on TLS, and its first byte.

The service is a child with everything in it: the ring's answers, the plan, the reading, the sending. The three rows
share their turns. Peer: `ffmpeg -ss -t -c copy` on the chunk that holds the same 60 s.
"""

import argparse
import asyncio
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from aiohttp import web

from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.core.units import TICKS_PER_SECOND, us_to_ticks
from appliance.demo.clip import Clip
from appliance.media.stream import AccessUnit, ClockState, CodecParameters, RunStart, StreamKey
from appliance.ring.access.reader import RecorderClient
from appliance.ring.access.server import serve
from appliance.ring.disks.disk import FIELD_GEOMETRY, chunk_name, format_disk
from appliance.ring.recording import Ring
from appliance.web.app import make_app
from appliance.web.recorder import SiteInfo
from tests.bench.row import Missing, Options, Turn, row
from tests.peers.fake_detector import FakeDetector
from tests.peers.live import ROOT, clip_of
from tests.peers.looking import make_book, open_all
from tests.peers.need import locate
from tests.peers.ring_rig import Folder
from tests.peers.sign_in import DURAND, cookie_of, make_staff

KEY: Final = StreamKey("portail", "main")
RECORDED_S: Final = 90
CLIP_S: Final = 60
ASKED: Final = 12
"""Clips of one turn: the kernel counts a process's CPU in steps of 10 ms."""

PEER: Final = "ffmpeg -ss -t -c copy"
PEERS: Final = 4


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one turn: CPU of a clip and median of the first byte, milliseconds."""

    cpu_ms: float
    first_ms: float
    peer_ms: float


_measured: dict[tuple[bool, int], Measured] = {}
_asked: dict[str, int] = {}


# the child


def _units(clip: Clip) -> tuple[CodecParameters, list[tuple[bytes, bool]]]:
    """The clip's pictures as capture hands them on: length-prefixed, parameter sets before each keyframe."""

    def framed(nals: tuple[bytes, ...]) -> bytes:
        return b"".join(len(nal).to_bytes(4, "big") + nal for nal in nals)

    sets = (clip.sps, clip.pps)
    parameters = CodecParameters("h264", sets, clip.width, clip.height, f"avc1.{clip.sps[1:4].hex()}")
    return parameters, [
        (framed((*(sets if frame.keyframe else ()), *frame.slices)), frame.keyframe) for frame in clip.frames
    ]


async def _record(folder: Path) -> tuple[Ring, int]:
    """90 s on one disk of the field's chunk size, in simulated time; the ring, and when they begin."""
    clip = await asyncio.to_thread(clip_of, "cour", 1920, 1088, 25, 4_000_000)
    parameters, pictures = _units(clip)
    clock = SimulatedClock()
    await asyncio.to_thread(format_disk, folder / "disk", FIELD_GEOMETRY, 16)
    ring = Ring([Folder(folder / "disk")], clock, folder / "index.db", site_name="Banc", automatic=False)
    sink = ring.stream(KEY, "Portail")
    await ring.open()
    start_us, base = clock.utc_us(), us_to_ticks(clock.monotonic_us())
    offset = clock.utc_us() - clock.monotonic_us()
    sink.start_run(RunStart(parameters, offset, clock.boot_id, ClockState.VERIFIED, GapCause.NONE))
    for n in range(RECORDED_S * 25):
        data, keyframe = pictures[n % len(pictures)]
        at = base + n * TICKS_PER_SECOND // 25
        sink.append(AccessUnit(data, at, at, keyframe))
        if n % 10 == 9:
            clock.advance(0.4)
            await ring.tick()
            await ring.settle()
    await ring.keep_index()
    return ring, start_us


async def _serve(folder: Path, certificate: Path | None) -> None:
    ring, start_us = await _record(folder)

    def cameras() -> dict[str, Any]:
        about = {"state": "playing", "since_utc_us": start_us, "cause": "NONE", "fps": 25}
        size = {"width": 1920, "height": 1088, "codec": "h264", "bitrate": 4_000_000, "lost_packets": 0}
        camera = {"id": KEY.camera, "name": "Portail", "place": "Entrée", "streams": {"main": {**about, **size}}}
        return {"cameras": [camera], "jobs": []}

    _ = await serve(ring, folder / "recorder.sock", cameras)
    page = folder / "page"
    await asyncio.to_thread(page.mkdir)
    await asyncio.to_thread((page / "index.html").write_text, "<!doctype html>")
    recorder, detector = RecorderClient(folder / "recorder.sock"), FakeDetector(folder, ())
    end_us = start_us + RECORDED_S * 1_000_000
    book = await make_book(folder, SimulatedClock(end_us))
    await open_all(book, [KEY.camera], start_us, end_us, DURAND)
    staff = await make_staff(folder, SimulatedClock(end_us))
    app = make_app(recorder, detector, page, SiteInfo("Banc", "Banc", "Europe/Paris"), book, staff)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    print(runner.addresses[0][1], start_us, (await cookie_of(staff))["Cookie"], flush=True)
    await asyncio.Event().wait()


@contextmanager
def _service(folder: Path, certificate: Path | None) -> Iterator[tuple[int, int, int, str]]:
    """(process, port, first microsecond, cookie) of a child that serves."""
    command = [sys.executable, "-m", "tests.bench.clip_rows", str(folder)]
    command += [str(certificate)] if certificate else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        try:
            assert child.stdout is not None
            port, start_us, cookie = child.stdout.readline().split()
            yield child.pid, int(port), int(start_us), cookie
        finally:
            child.kill()


# the parent


def _certificate(folder: Path) -> Path:
    """One for this turn alone."""
    subject = ["-subj", "/CN=localhost", "-days", "2", "-keyout", "key.pem", "-out", "certificate.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *subject]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


def _fetch(port: int, path: str, cookie: str, certificate: Path | None) -> tuple[int, float]:
    """(bytes of the body, seconds to its first byte) of one GET, read as fast as it comes."""
    plain = socket.create_connection(("127.0.0.1", port))
    if certificate is None:
        connection = plain
    else:
        context = ssl.create_default_context(cafile=str(certificate / "certificate.pem"))
        context.check_hostname = False
        connection = context.wrap_socket(plain)
    with connection:
        head_lines = f"Host: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nConnection: close"
        request = f"GET {path} HTTP/1.1\r\n{head_lines}\r\n\r\n"
        began = time.perf_counter()
        connection.sendall(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(65536)
        if not head.startswith(b"HTTP/1.1 200"):
            raise Missing(f"the clip: {head[:300]!r}")
        size = len(head.partition(b"\r\n\r\n")[2])
        first = 0.0
        buffer = bytearray(1 << 20)
        if size:
            first = time.perf_counter() - began
        while count := connection.recv_into(buffer):
            first = first or time.perf_counter() - began
            size += count
    return size, first


def _cpu_s(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return times.user + times.system


def _measure(*, tls: bool) -> Measured:
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name:
        folder = Path(name)
        certificate = _certificate(folder) if tls else None
        with _service(folder, certificate) as (process, port, start_us, cookie):
            from_us = start_us + 10_000_000
            path = f"/api/v1/cameras/{KEY.camera}/clip.mp4?q=main&from={from_us}&to={from_us + CLIP_S * 1_000_000}"
            assert _fetch(port, path, cookie, certificate)[0] > 20_000_000, "a clip of 60 s at 4 Mbit/s"
            before = _cpu_s(process)
            firsts = [_fetch(port, path, cookie, certificate)[1] for _ in range(ASKED)]
            used = _cpu_s(process) - before
        return Measured(used * 1e3 / ASKED, statistics.median(firsts) * 1e3, _peer_ms(folder))


def _peer_ms(folder: Path) -> float:
    """CPU of ffmpeg cutting the same minute, milliseconds."""
    files = [folder / "disk" / chunk_name(number) for number in range(16)]
    source = max(files, key=lambda file: any(file.read_bytes()[:8]))
    cut = ["ffmpeg", "-nostdin", "-v", "error", "-ss", "10", "-i", str(source), "-t", str(CLIP_S), "-c", "copy"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(PEERS):
        subprocess.run([*cut, "-y", str(folder / "peer.mp4")], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3 / PEERS


def _turn(name: str, *, tls: bool) -> Measured:
    for tool in ("ffmpeg", "openssl"):
        if locate(tool) is None:
            raise Missing(tool)
    turn = _asked.get(name, 0)
    _asked[name] = turn + 1
    if (tls, turn) not in _measured:
        _measured[tls, turn] = _measure(tls=tls)
    return _measured[tls, turn]


@row("clip-cpu", unit="ms", better="lower", target=25, peer=PEER)
def clip_cpu(options: Options) -> Turn:
    """CPU of one clip on HTTP, the ring's answers included; a quick run is the same: a turn takes 15 s."""
    del options
    measured = _turn("cpu", tls=False)
    return Turn(measured.cpu_ms, measured.peer_ms)


@row("clip-tls-cpu", unit="ms", better="lower", target=70, peer=PEER)
def clip_tls_cpu(options: Options) -> Turn:
    """The same over TLS 1.3 with a certificate made for the turn."""
    del options
    measured = _turn("tls", tls=True)
    return Turn(measured.cpu_ms, measured.peer_ms)


@row("clip-first-byte", unit="ms", better="lower", target=50)
def clip_first_byte(options: Options) -> Turn:
    """From the request to the first byte of video on HTTP: the middle of the turn's clips."""
    del options
    return Turn(_turn("first", tls=False).first_ms)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("certificate", type=Path, nargs="?")
    asked = parser.parse_args()
    asyncio.run(_serve(asked.folder, asked.certificate))
