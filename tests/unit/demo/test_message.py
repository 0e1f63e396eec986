"""RTSP text and authentication of a simulated camera."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.demo.auth import REALM, Authenticator
from appliance.demo.message import MAX_REQUEST, Request, response, take_message

PLAY = b"PLAY rtsp://127.0.0.1:8554/main/ RTSP/1.0\r\nCSeq: 4\r\nSession:  AB \r\n\r\n"


@given(st.lists(st.integers(1, len(PLAY) * 2 + 8), max_size=6).map(sorted))
def test_messages_arrive_in_any_pieces(cuts: list[int]) -> None:
    data = b"\r\n" + PLAY + b"$\x01\x00\x02ok" + PLAY
    buffer, found = bytearray(), []
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        buffer += data[start:end]
        while (message := take_message(buffer)) is not None:
            found.append(message)
    play = Request("PLAY", "rtsp://127.0.0.1:8554/main/", {"cseq": "4", "session": "AB"})
    assert found == [play, b"$\x01\x00\x02ok", play]
    assert play.path == "main"


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"nonsense\r\n\r\n", b"x" * (MAX_REQUEST + 1)])
def test_what_is_not_rtsp_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        take_message(bytearray(data))


def test_body_is_waited_for() -> None:
    buffer = bytearray(b"SET_PARAMETER rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nab")
    assert take_message(buffer) is None
    buffer += b"c"
    message = take_message(buffer)
    assert isinstance(message, Request)
    assert (message.method, bytes(buffer)) == ("SET_PARAMETER", b"")


def test_response_counts_its_body() -> None:
    assert (
        response(200, "7", [("A", "b")], b"xyz")
        == b"RTSP/1.0 200 OK\r\nCSeq: 7\r\nA: b\r\nContent-Length: 3\r\n\r\nxyz"
    )


@pytest.mark.parametrize(("scheme", "algorithm"), [("digest", "MD5"), ("digest-sha256", "SHA-256"), ("all", "SHA-256")])
def test_digest_is_checked_by_rfc_7616(scheme: str, algorithm: str) -> None:
    camera = Authenticator(scheme)  # type: ignore[arg-type]  # parametrised text
    challenge = camera.challenges()[-1]
    nonce = challenge.partition('nonce="')[2].partition('"')[0]

    def header(password: str, method: str = "PLAY") -> str:
        make = hashlib.md5 if algorithm == "MD5" else hashlib.sha256
        first = make(f"u:{REALM}:{password}".encode()).hexdigest()
        second = make(f"{method}:rtsp://h/main".encode()).hexdigest()
        value = make(f"{first}:{nonce}:{second}".encode()).hexdigest()
        return (
            f'Digest username="u", realm="{REALM}", nonce="{nonce}", uri="rtsp://h/main", '
            f'algorithm={algorithm}, response="{value}"'
        )

    assert camera.accepts("PLAY", header("right"), "u", "right")
    assert not camera.accepts("PLAY", header("wrong"), "u", "right")
    assert not camera.accepts("SETUP", header("right"), "u", "right")
    assert not Authenticator("digest").accepts("PLAY", header("right"), "u", "right")  # another nonce
    assert not camera.accepts("PLAY", None, "u", "right")


def test_basic_only_where_offered() -> None:
    header = "Basic dTpw"  # u:p
    assert Authenticator("basic").accepts("PLAY", header, "u", "p")
    assert not Authenticator("basic").accepts("PLAY", header, "u", "q")
    assert not Authenticator("digest").accepts("PLAY", header, "u", "p")
    assert Authenticator("none").accepts("PLAY", None, "u", "p")
