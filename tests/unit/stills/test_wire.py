"""The framing between the page and the picture process: nothing larger than agreed, nothing else than agreed."""

import socket
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.stills.wire import HEADER, INIT_MOST, MOST, REQUEST_MOST, Kind, Request, head, message, request
from appliance.stills.worker import serve


@given(st.sampled_from(Kind), st.binary(max_size=60))
def test_a_message_says_its_kind_and_its_length(kind: Kind, body: bytes) -> None:
    body = body[: MOST[kind]]
    said = message(kind, body)
    assert head(said[: HEADER.size]) == (kind, len(body))
    assert said[HEADER.size :] == body


@given(st.integers(0, 255), st.integers(0, (1 << 32) - 1))
def test_what_nobody_writes_is_refused(kind: int, length: int) -> None:
    if kind in set(Kind) and length <= MOST[Kind(kind)]:
        assert head(HEADER.pack(kind, length)) == (kind, length)
    else:
        with pytest.raises(ValueError):
            head(HEADER.pack(kind, length))


@pytest.mark.parametrize(("init", "part"), [(INIT_MOST + 1, 0), (0, REQUEST_MOST + 1)])
def test_no_larger_request_is_made(init: int, part: int) -> None:
    with pytest.raises(ValueError, match="too large"):
        request(Request(bytes(init), (bytes(part),), Kind.NEWEST))


def served(sent: bytes) -> list[Request]:
    """What a worker was asked by these bytes, which its peer ends with."""
    asked: list[Request] = []

    def make(one: Request) -> bytes:
        asked.append(one)
        return message(Kind.REFUSED, b"test")

    def send() -> None:
        ours.sendall(sent)
        ours.shutdown(socket.SHUT_WR)

    ours, theirs = socket.socketpair()
    with ours:
        writing = Thread(target=send)
        writing.start()
        serve(theirs, make)
        writing.join()
    return asked


def test_requests_come_one_behind_the_other() -> None:
    one, two = Request(b"i", (b"a", b"b"), Kind.NEWEST), Request(b"j", (b"c",), Kind.KEYFRAME)
    assert served(request(one) + request(two)) == [one, two]


@pytest.mark.parametrize("end", [message(Kind.JPEG, b"x"), b"\x09\0\0\0\0", HEADER.pack(Kind.PART, REQUEST_MOST + 1)])
def test_a_word_that_is_none_ends_the_connection(end: bytes) -> None:
    one = Request(b"i", (b"a",), Kind.NEWEST)
    assert served(request(one) + end + request(one)) == [one]
