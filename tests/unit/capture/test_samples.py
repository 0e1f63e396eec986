"""What real cameras answered ($APPLIANCE_ASSETS/rtsp-samples), and answers of our own in the same style."""

from base64 import b64encode
from pathlib import Path

import pytest

from appliance.capture.errors import CaptureError
from appliance.capture.message import parse_head, parse_rtp_info, parse_session, parse_transport
from appliance.capture.sdp import choose_video, parse_sdp
from appliance.capture.url import base_url, is_absolute, join_control
from appliance.media.parameters import ParameterSets, parameter_sets
from tests.peers.h264_rtp import PPS, SPS
from tests.peers.need import need_assets

REQUEST_URL = "rtsp://192.168.1.10:554/stream"

SIZES = {
    "bunny_describe": (240, 160),
    "dahua_describe_h264_aac_onvif": (704, 480),
    "foscam_describe": (1280, 720),
    "gw_main_describe": (1920, 1080),
    "gw_sub_describe": (720, 480),
    "hikvision_describe": (1920, 1080),
    "ipcam_describe": (1280, 960),
    "reolink_describe": (2560, 1440),
    "reolink_describe_control_first": (2560, 1440),
    "ubiquiti_sdp": (1920, 1080),
}
SIZES_H265 = {"anjvision_describe": (1280, 704), "dahua_describe_h265_pcma": (704, 480), "tplink_sdp": (2560, 1440)}
"""As libav reads the same parameter sets."""


def read(raw: bytes) -> tuple[str | None, bytes]:
    """Base of the description and its body; a file without a status line is a bare SDP."""
    if not raw.startswith(b"RTSP/"):
        return None, raw
    head, _, body = raw.partition(b"\r\n\r\n")
    message, length = parse_head(head, 0)
    assert message.status == 200
    assert message.sequence is not None
    assert length in {0, len(body)} or length >= len(body)  # edited samples say a length of their own
    if session := message.header("session"):
        assert parse_session(session).identifier
    if transport := message.header("transport"):
        assert parse_transport(transport).channels == (0, 1)
    if info := message.header("rtp-info"):
        assert all(entry.url for entry in parse_rtp_info(info))
    return base_url(REQUEST_URL, message.header("content-base"), message.header("content-location")), body


def understand(base: str | None, body: bytes) -> ParameterSets:
    track = choose_video(parse_sdp(body))
    assert is_absolute(join_control(base or REQUEST_URL, track.control))
    return parameter_sets(track.codec, track.parameter_sets)


def names() -> list[str]:
    return sorted([*SIZES, *SIZES_H265])


@pytest.mark.parametrize("name", names())
def test_descriptions_of_real_cameras(name: str) -> None:
    raw = (need_assets(f"rtsp-samples/{name}.txt") / "rtsp-samples" / f"{name}.txt").read_bytes()
    base, body = read(raw)
    parameters = understand(base, body).parameters
    assert parameters is not None
    assert (parameters.width, parameters.height) == (SIZES | SIZES_H265)[name]
    assert parameters.codec == ("h265" if name in SIZES_H265 else "h264")


def test_every_sample_parses_or_is_refused_by_name() -> None:
    folder = need_assets("rtsp-samples/README.md") / "rtsp-samples"
    seen = 0
    for path in sorted(Path(folder).glob("*.txt")):
        base, body = read(path.read_bytes())
        if body:
            try:
                understand(base, body)
            except CaptureError as error:
                assert error.sentence("fr")  # noqa: PT017 - most samples do not raise
                assert error.sentence("en")  # noqa: PT017
        seen += 1
    assert seen >= len(SIZES) + len(SIZES_H265)


def answer(*headers: str, body: str = "") -> bytes:
    return "\r\n".join(["RTSP/1.0 200 OK", *headers, "", body]).encode()


def sdp(*lines: str) -> str:
    return "\r\n".join(["v=0", "s=x", "t=0 0", *lines, ""])


SETS = ",".join(b64encode(nal).decode() for nal in (SPS, PPS))
ANNEX_B = ",".join(b64encode(nal + b"\x00\x00\x00\x01").decode() for nal in (SPS, PPS))
RTPMAP = "a=rtpmap:96 H264/90000"

OWN = {
    "base without scheme, length after body": answer(
        "CSeq: 1", "Content-Base: 10.0.0.9:554/live/", body=sdp("m=video 0 RTP/AVP 96", RTPMAP, "a=control:trackID=1")
    ),
    "blanks in rtpmap, several framerates": answer(
        "CSeq:   1  ",
        body=sdp(
            "m=video 0 RTP/AVP 96",
            RTPMAP + " ",
            "a=framerate:0S",
            f"a=fmtp:96 sprop-parameter-sets={SETS}",
        ),
    ),
    "sets in byte stream form": answer(
        "CSeq: 1",
        body=sdp(
            "m=video 0 RTP/AVP 96",
            RTPMAP,
            f"a=fmtp:96 sprop-parameter-sets={ANNEX_B}",
        ),
    ),
    "empty fmtp, audio twice before": answer(
        "CSeq: 1",
        body=sdp(
            "m=audio 0 RTP/AVP 96",
            "a=fmtp:96",
            "m=audio 0 RTP/AVP 96",
            "m=video 0 RTP/AVP 97",
            "a=rtpmap:97 H264/90000",
        ),
    ),
    "no origin, a section of nonsense": sdp(
        "m=application/ACME 0 RTP/AVP smart/1/90000", "a=rtpmap:95 ACME/90000", "m=video 0 RTP/AVP 96", RTPMAP
    ).encode(),
}


@pytest.mark.parametrize("name", OWN)
def test_answers_of_our_own_in_that_style(name: str) -> None:
    base, body = read(OWN[name])
    parameters = understand(base, body).parameters
    assert (parameters is not None) == (b"sprop-parameter-sets" in body)
