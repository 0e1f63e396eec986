"""What real cameras answered ($APPLIANCE_ASSETS/rtsp-samples), and answers of our own in the same style."""

import asyncio
from base64 import b64encode
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.capture.errors import CaptureError
from appliance.capture.url import Credentials, is_absolute
from appliance.media.parameters import ParameterSets, parameter_sets
from tests.peers.conversation import bent, converse
from tests.peers.h264_rtp import PPS, SPS
from tests.peers.makes import MAKES
from tests.peers.need import need_assets

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


SIZES_ALL = SIZES | SIZES_H265
METHODS = ("DESCRIBE", "SETUP", "PLAY", "OPTIONS", "TEARDOWN")
PIECES = [(65_536,), (1,), (500, 3)]


def wrapped(raw: bytes) -> bytes:
    """A sample as the wire brings it: a bare description gets the head of an answer."""
    if raw[:5].upper() == b"RTSP/":
        return raw
    return b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b" % (
        len(raw),
        raw,
    )


async def understand(raw: bytes, sizes: Sequence[int] = PIECES[0]) -> ParameterSets:
    """The parameter sets of a sample that describes a stream, asked for to the end."""
    said = await converse({"DESCRIBE": [wrapped(raw)]}, sizes)
    assert said.track is not None
    assert all(is_absolute(url) for method in METHODS for url in said.asked(method))
    return parameter_sets(said.track.codec, said.track.parameter_sets)


@pytest.mark.parametrize("name", sorted(SIZES_ALL))
async def test_descriptions_of_real_cameras(name: str) -> None:
    raw = (need_assets(f"rtsp-samples/{name}.txt") / "rtsp-samples" / f"{name}.txt").read_bytes()
    parameters = (await understand(raw)).parameters
    assert parameters is not None
    assert (parameters.width, parameters.height) == SIZES_ALL[name]
    assert parameters.codec == ("h265" if name in SIZES_H265 else "h264")


def samples() -> dict[str, bytes]:
    """All of them, whatever make they are of."""
    folder = need_assets("rtsp-samples/README.md") / "rtsp-samples"
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".md"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(files)}


async def told(name: str, answers: dict[str, list[bytes]], sizes: Sequence[int]) -> bool:
    """Whether it is understood; else it must be refused by name, in both languages."""
    try:
        await converse(answers, sizes, Credentials("admin", "word"))
    except CaptureError as error:
        refusal = error
    else:
        return True
    assert refusal.sentence("fr"), name
    assert refusal.sentence("en"), name
    return False


def test_every_sample_is_understood_or_refused_by_name_whatever_it_answers() -> None:
    found = samples()
    good = next(make.describe for make in MAKES.values())
    understood: set[str] = set()
    for name, raw in found.items():
        for method in METHODS:
            asyncio.run(told(name, {"DESCRIBE": [good]} | {method: [wrapped(raw)]}, PIECES[0]))
        bare = raw.replace(b"\r\n", b"\n")
        if all(
            asyncio.run(told(name, {"DESCRIBE": [wrapped(text)]}, sizes)) for text in (raw, bare) for sizes in PIECES
        ):
            understood.add(name)
    assert understood >= {f"{name}.txt" for name in SIZES_ALL}


@settings(max_examples=40)
@given(st.data())
def test_no_mutation_of_a_sample_ends_otherwise_than_by_name(data: st.DataObject) -> None:
    found = samples()
    answers = {method: [wrapped(bent(data, data.draw(st.sampled_from(list(found.values())))))] for method in METHODS}
    asyncio.run(told("mutated", answers, data.draw(st.sampled_from(PIECES[::2]))))


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
async def test_answers_of_our_own_in_that_style(name: str) -> None:
    parameters = (await understand(OWN[name])).parameters
    assert (parameters is not None) == (b"sprop-parameter-sets" in OWN[name])
