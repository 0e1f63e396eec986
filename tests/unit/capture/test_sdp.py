"""SDP as cameras write it."""

from base64 import b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.errors import CodecRefused, SdpInvalid
from appliance.capture.sdp import choose_video, parse_sdp
from tests.peers.h264_rtp import PPS, SPS

SPROP = f"{b64encode(SPS).decode()},{b64encode(PPS).decode()}"


def description(*media: str, newline: str = "\r\n") -> bytes:
    return newline.join(["v=0", "s=camera", "a=control:*", *media, ""]).encode()


VIDEO = (
    "m=video 0 RTP/AVP 96",
    "a=rtpmap:96 H264/90000",
    f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={SPROP}",
)


def test_video_is_chosen_and_audio_only_noted() -> None:
    track = choose_video(parse_sdp(description("m=audio 0 RTP/AVP 8", *VIDEO, "a=control:trackID=2")))
    assert (track.codec, track.payload_type, track.control, track.audio_offered) == ("h264", 96, "trackID=2", True)
    assert track.parameter_sets == (SPS, PPS)


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
def test_any_line_end_and_attribute_order(newline: str) -> None:
    lines = (VIDEO[0], "a=control:video", "c=IN IP4 0.0.0.0", VIDEO[2], "a=rtpmap:96 H264/90000 ")
    track = choose_video(parse_sdp(description(*lines, newline=newline)))
    assert (track.control, track.payload_type, track.audio_offered) == ("video", 96, False)


def test_one_unreadable_section_does_not_end_the_session() -> None:
    session = parse_sdp(description(*VIDEO, "m=application/X 0 RTP/AVP smart/1/90000", "a=rtpmap:x", "nonsense", "m="))
    assert choose_video(session).payload_type == 96
    assert len(session.ignored) == 3


@pytest.mark.parametrize(
    "sprop", ["", "a=fmtp:96", "a=fmtp:96 sprop-parameter-sets=%%%,*", "a=fmtp:96 profile-level-id=1"]
)
def test_parameter_sets_may_be_absent_or_nonsense(sprop: str) -> None:
    assert choose_video(parse_sdp(description(VIDEO[0], VIDEO[1], sprop))).parameter_sets == ()


def test_base64_without_padding() -> None:
    line = "a=fmtp:96 Sprop-Parameter-Sets=" + SPROP.replace("=", "")
    assert choose_video(parse_sdp(description(VIDEO[0], VIDEO[1], line))).parameter_sets == (SPS, PPS)


@pytest.mark.parametrize(
    ("media", "named"),
    [
        (("m=video 0 RTP/AVP 96", "a=rtpmap:96 H265/90000", "a=fmtp:96 sprop-max-don-diff=2"), "H265"),
        (("m=video 0 RTP/AVP 96", "a=rtpmap:96 H266/90000"), "H266"),
        (("m=video 0 RTP/AVP 26",), "JPEG"),
        (("m=video 0 MP2T/RTP/AVP 33",), "MP2T"),
        (("m=video 0 RTP/AVP 97",), "type 97"),
        (("m=audio 0 RTP/AVP 0",), "no video track"),
        ((*VIDEO[:2], "a=fmtp:96 packetization-mode=2"), "H264"),
    ],
)
def test_what_is_not_recorded_is_named(media: tuple[str, ...], named: str) -> None:
    with pytest.raises(CodecRefused, match=named):
        choose_video(parse_sdp(description(*media)))


def test_the_second_payload_type_may_be_the_video() -> None:
    media = ("m=video 0 RTP/AVP 35 96", "a=rtpmap:35 VND.X/90000", "a=rtpmap:96 h264/90000")
    assert choose_video(parse_sdp(description(*media))).payload_type == 96


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_by_name(body: bytes) -> None:
    with suppress(SdpInvalid, CodecRefused):
        assert choose_video(parse_sdp(b"m=video 0 RTP/AVP 96\n" + body)).codec == "h264"


def test_no_media_and_far_too_many_lines() -> None:
    for body in (b"", b"<html></html>", b"v=0\n" * 3000):
        with pytest.raises(SdpInvalid):
            parse_sdp(body)
