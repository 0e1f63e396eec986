"""RTSP messages and URLs with the habits of real cameras."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.errors import CameraUrlInvalid, RtspInvalid
from appliance.capture.message import (
    RtpInfo,
    encode_request,
    parse_head,
    parse_rtp_info,
    parse_session,
    parse_transport,
)
from appliance.capture.url import base_url, join_control, parse_url


def test_a_request_as_it_goes_out() -> None:
    text = encode_request("PLAY", "rtsp://c/x", 4, {"Session": "7"})
    assert text == b"PLAY rtsp://c/x RTSP/1.0\r\nCSeq: 4\r\nUser-Agent: Temoin\r\nSession: 7\r\n\r\n"


def test_an_answer_with_blanks_and_repeated_headers() -> None:
    head = b"RTSP/1.0 200 OK\r\nCSeq:  3 \r\nSession:        708345999\r\nWWW-Authenticate: a\r\nwww-authenticate: b"
    message, length = parse_head(head, 0)
    assert (message.status, message.sequence, length) == (200, 3, 0)
    assert message.header("session") == "708345999"
    assert message.headers["www-authenticate"] == ["a", "b"]


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK", b"", b"RTSP/1.0 abc", b"RTSP/1.0 200 OK\r\nContent-Length: -4"])
def test_what_is_no_rtsp_is_refused_by_name(head: bytes) -> None:
    with pytest.raises(RtspInvalid, match="byte 17"):
        parse_head(head, 17)


def test_a_request_of_the_camera() -> None:
    message, _ = parse_head(b"ANNOUNCE rtsp://c RTSP/1.0\r\nCSeq: nine", 0)
    assert (message.method, message.status, message.sequence) == ("ANNOUNCE", 0, None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("136527041864", ("136527041864", None)),
        ("9a90de54; timeout=120", ("9a90de54", 120)),
        ("a;x;timeout=z", ("a", None)),
    ],
)
def test_session_headers(value: str, expected: tuple[str, int | None]) -> None:
    assert parse_session(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=30A98EE7", (True, (0, 1), 0x30A98EE7)),
        ("RTP/AVP/TCP;ssrc= d6d6627 ;interleaved=4-5;unicast", (True, (4, 5), 0xD6D6627)),
        ('RTP/AVP/TCP;unicast;interleaved=2;mode="play"', (True, (2, 3), None)),
        ("RTP/AVP/TCP;ssrc=xyz;interleaved=900-901", (True, None, None)),
        ("RTP/AVP;unicast;client_port=5000-5001", (False, None, None)),
    ],
)
def test_transport_headers(value: str, expected: tuple[bool, tuple[int, int] | None, int | None]) -> None:
    assert parse_transport(value) == expected


def test_rtp_info_is_a_hint_and_drops_what_is_wrong() -> None:
    value = "url=trackID=1;seq=1;rtptime=-1,url=rtsp://c/a,b?x=1;seq=70000;rtptime=3475222385;"
    assert parse_rtp_info(value) == [RtpInfo("trackID=1", 1, None), RtpInfo("rtsp://c/a,b?x=1", None, 3475222385)]


@given(st.text(max_size=80))
def test_arbitrary_headers_raise_nothing(value: str) -> None:
    assert parse_rtp_info(value)
    assert parse_session(value).timeout_s is None or "timeout" in value.lower()
    parse_transport(value)


@pytest.mark.parametrize(
    ("base", "control", "joined"),
    [
        ("rtsp://c/a/", "trackID=1", "rtsp://c/a/trackID=1"),
        ("rtsp://c/H264?channel=1&proto=Onvif", "video", "rtsp://c/H264?channel=1&proto=Onvif/video"),
        ("rtsp://c/a", "*", "rtsp://c/a"),
        ("rtsp://c/a", None, "rtsp://c/a"),
        ("rtsp://c/a", "RTSP://c/a/track3?x=y", "RTSP://c/a/track3?x=y"),
        ("rtsp://c/a", "/track1", "rtsp://c/a/track1"),
    ],
)
def test_tracks_are_joined_as_cameras_expect(base: str, control: str | None, joined: str) -> None:
    assert join_control(base, control) == joined


def test_the_base_of_a_description() -> None:
    assert base_url("rtsp://c/x", None, None) == "rtsp://c/x"
    assert base_url("rtsp://c/x", " rtsp://d/y/ ", "rtsp://e/") == "rtsp://d/y/"
    assert base_url("rtsp://c/x", None, "rtsp://e/") == "rtsp://e/"
    assert base_url("rtsp://c/x", "192.168.1.10:554/stream0/", None) == "rtsp://192.168.1.10:554/stream0/"
    assert base_url("rtsp://c/x", "/stream0/", None) == "rtsp://c/x"


def test_configured_urls() -> None:
    url = parse_url("rtsp://user:p%40ss@10.0.0.7/ch1?x=1#part")
    assert (url.text, url.host, url.port, url.path) == ("rtsp://10.0.0.7/ch1?x=1", "10.0.0.7", 554, "/ch1")
    assert url.credentials is not None
    assert (url.credentials.user, url.credentials.password) == ("user", "p@ss")
    assert parse_url("RTSP://[fe80::1]:8554").port == 8554


@pytest.mark.parametrize(
    "text", ["", "http://c/", "rtspu://c/", "rtsp:///x", "rtsp://c:99999/", "rtsp://c/a b\r\nX: y", "rtsp://[::1"]
)
def test_unusable_urls_are_named(text: str) -> None:
    with pytest.raises(CameraUrlInvalid) as caught:
        parse_url(text)
    assert "rtsp://" in caught.value.sentence("fr")
