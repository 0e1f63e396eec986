"""Servers as cameras have them, wrong in one thing each: they are recorded all the same, or refused by name.

The reader against the simulated camera. All run side by side; the one that fails is named.
"""

import asyncio
import hashlib
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from appliance.capture.camera import CameraRunner
from appliance.capture.state import CaptureState
from appliance.capture.tls import Trust
from appliance.capture.url import Credentials
from appliance.core.cause import GapCause
from appliance.demo.auth import AuthScheme
from appliance.demo.camera import CameraOptions, SimulatedCamera
from appliance.demo.clip import Clip
from appliance.demo.forms import Form, encode_form
from appliance.demo.quirks import Quirks
from tests.peers.capturing import capture
from tests.peers.need import need
from tests.peers.sink import KeepingSink

WANTED = 20
"""Pictures, at 25 a second: four keyframes."""

ODD: Mapping[str, Quirks] = {
    "no RTP-Info": Quirks(rtp_info=False),
    "RTP-Info that is nonsense": Quirks(bad_rtp_info=True),
    "Content-Base without scheme": Quirks(content_base="{host}/{path}/"),
    "no Content-Base": Quirks(content_base="", content_type=False),
    "Content-Base of nothing": Quirks(content_base="/"),
    "absolute control": Quirks(content_base="rtsp://10.9.9.9/wrong", control="rtsp://{host}/{path}/trackID=0"),
    "other channels than asked": Quirks(channels=6),
    "the highest channels": Quirks(channels=254),
    "packets before PLAY's answer": Quirks(early_s=0.5),
    "blank lines before packets": Quirks(blank_lines=True),
    "data on a channel of nobody": Quirks(stray_channel=True),
    "session changes its name": Quirks(new_session_ids=True),
    "Transport in another order, with blanks": Quirks(padded_transport=True),
    "answers without CSeq": Quirks(no_cseq=True),
    "an unreadable section before the video's": Quirks(broken_media=True),
}


@pytest.fixture(scope="module")
def clip() -> Clip:
    return encode_form("small", Form(width=128, height=96, gop=5, pictures=25))


def enough(_: CameraRunner, sink: KeepingSink) -> bool:
    return sink.pictures >= WANTED


def failed(runner: CameraRunner, _: KeepingSink) -> bool:
    return runner.state().state is CaptureState.WAITING


def secret(camera: SimulatedCamera) -> Credentials:
    return Credentials(camera.user, camera.right_password)


async def played(name: str, clip: Clip, options: CameraOptions) -> SimulatedCamera:
    async with SimulatedCamera({"main": clip}, options=options) as camera:
        _, sink = await capture(camera.url("main"), secret(camera), enough)
        assert len(sink.runs) == 1, f"{name}: {sink.causes}"
    return camera


async def test_odd_servers_are_recorded(clip: Clip) -> None:
    await asyncio.gather(*(played(name, clip, CameraOptions(quirks=quirks)) for name, quirks in ODD.items()))


async def test_every_way_to_authenticate(clip: Clip) -> None:
    schemes: tuple[AuthScheme, ...] = ("none", "basic", "digest", "digest-sha256", "all")
    await asyncio.gather(*(played(scheme, clip, CameraOptions(auth=scheme)) for scheme in schemes))


async def kept_alive(clip: Clip, advertised: str) -> None:
    options = CameraOptions(session_timeout_s=4.0, quirks=Quirks(methods=advertised))
    async with SimulatedCamera({"main": clip}, options=options) as camera:
        _, sink = await capture(camera.url("main"), secret(camera), lambda _, s: s.pictures >= 25 * 5)
        assert (len(sink.runs), camera.counts.expired) == (1, 0), advertised
        assert camera.counts.requests.get("OPTIONS", 0) >= 1, advertised
        assert ("GET_PARAMETER" in camera.counts.requests) == ("GET_PARAMETER" in advertised)
        assert "SET_PARAMETER" not in camera.counts.requests


@pytest.mark.full
async def test_a_short_session_is_kept_alive_as_the_server_can(clip: Clip) -> None:
    ways = ("OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN", "OPTIONS, PLAY, GET_PARAMETER")
    await asyncio.gather(*(kept_alive(clip, way) for way in ways))


async def test_a_redirect_to_the_same_camera_is_followed(clip: Clip) -> None:
    options = CameraOptions(quirks=Quirks(moved_to="rtsp://{host}/{path}"))
    async with SimulatedCamera({"main": clip}, options=options) as camera:
        await capture(camera.url("moved"), secret(camera), enough)


@pytest.mark.parametrize(
    "target",
    ["rtsp://127.0.0.2/main", "rtsp://127.0.0.1:1/main", "rtsps://{host}/main", "/main", "", "rtsp://{host}/moved"],
)
async def test_a_redirect_elsewhere_is_refused(clip: Clip, target: str) -> None:
    options = CameraOptions(quirks=Quirks(moved_to=target or " "))
    async with SimulatedCamera({"main": clip}, options=options) as camera:
        runner, sink = await capture(camera.url("moved"), secret(camera), failed)
        assert "redirects" in runner.state().sentence_en
        assert sink.runs == []


async def test_a_camera_that_says_goodbye_is_met_again(clip: Clip) -> None:
    async with SimulatedCamera({"main": clip}) as camera:
        said: list[bool] = []

        def twice(_: CameraRunner, sink: KeepingSink) -> bool:
            if sink.pictures >= WANTED and not said:
                said.append(True)
                for connection in camera.connections:
                    connection.say_goodbye()
            return len(sink.runs) > 1

        _, sink = await capture(camera.url("main"), secret(camera), twice)
        assert sink.runs[1].start.cause is GapCause.CAMERA_CLOSED


def certificate(folder: Path, name: str) -> tuple[Path, bytes]:
    """A certificate of its own for 127.0.0.1, with its key in the same file; and its fingerprint."""
    file = folder / f"{name}.pem"
    subject = ("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    command = [need("openssl"), *new, *subject, "-keyout", str(file), "-out", str(folder / f"{name}.crt")]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    text = (folder / f"{name}.crt").read_text(encoding="ascii")
    with file.open("a", encoding="ascii") as both:
        both.write(text)
    return file, hashlib.sha256(ssl.PEM_cert_to_DER_cert(text)).digest()


async def test_rtsps_is_believed_by_fingerprint_or_authority_and_never_by_neither(clip: Clip, tmp_path: Path) -> None:
    file, pin = await asyncio.to_thread(certificate, tmp_path, "camera")
    other, _ = await asyncio.to_thread(certificate, tmp_path, "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    await asyncio.to_thread(context.load_cert_chain, file)
    async with SimulatedCamera({"main": clip}, options=CameraOptions(tls=context)) as camera:
        url = camera.url("main")
        assert url.startswith("rtsps://")
        for trust in (Trust(pin), Trust(None, tmp_path / "camera.crt")):
            await capture(url, secret(camera), enough, trust=trust)
        before = dict(camera.counts.requests)
        for trust in (Trust(bytes(32)), Trust(None, other), Trust(), Trust(None, tmp_path / "missing.pem")):
            runner, sink = await capture(url, secret(camera), failed, trust=trust)
            assert "certificate" in runner.state().sentence_en
            assert sink.runs == []
        assert camera.counts.requests == before  # not a word was said to whom nobody vouches for
