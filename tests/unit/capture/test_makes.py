"""Answers in the style of many makes: each conversation ends in a stream that is asked for at the right addresses."""

import asyncio
import hashlib
import re
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.capture.errors import (
    CameraAuthentication,
    CameraRefused,
    CameraSilent,
    CaptureError,
    CodecRefused,
    RedirectRefused,
    RequestRejected,
    RtspInvalid,
    SdpInvalid,
    StreamNotFound,
    TransportRefused,
)
from appliance.capture.url import Credentials
from appliance.media.parameters import parameter_sets
from tests.peers.conversation import PLAIN, URL, Said, bent, converse
from tests.peers.makes import HEAD, MAKES, TYPE, VIDEO, Make, answered, described
from tests.peers.makes_more import MORE_MAKES

ALL = {**MAKES, **MORE_MAKES}
CUTS = [(65_536,), (1,), (700, 3)]


def answers(make: Make) -> dict[str, list[bytes]]:
    return {"DESCRIBE": [make.describe], "SETUP": [make.setup], "PLAY": [make.play]}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("sizes", CUTS, ids=["whole", "byte by byte", "in pieces"])
async def test_each_make_is_understood(name: str, sizes: tuple[int, ...]) -> None:
    make = ALL[name]
    said = await converse(answers(make), sizes if make.in_pieces else CUTS[0])
    assert said.track is not None
    assert (said.track.codec, len(said.track.parameter_sets)) == (make.codec, make.sets)
    assert (parameter_sets(make.codec, said.track.parameter_sets).parameters is not None) == bool(make.sets)
    assert said.asked("SETUP") == [make.track]
    assert said.asked("PLAY") == [make.aggregate]
    assert said.keep_alive_s == make.keep_alive_s
    assert said.track.audio_offered == make.audio


REFUSED = {
    "a login page": (described("Content-Type: text/html", sdp=("<html>", "a=b", "</html>")), SdpInvalid),
    "an empty description": (answered(TYPE, "Content-Length: 0"), SdpInvalid),
    "nothing but sound": (described(TYPE, sdp=(*HEAD, "m=audio 0 RTP/AVP 8")), CodecRefused),
    "pictures one by one": (described(TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP 26", "a=control:x")), CodecRefused),
    "another codec": (described(TYPE, sdp=(*HEAD, VIDEO[0], "a=rtpmap:96 MP4V-ES/90000")), CodecRefused),
    "no such stream": (b"RTSP/1.0 404 Stream Not Found\r\nCSeq: 1\r\n" + TYPE.encode() + b"\r\n\r\n", StreamNotFound),
    "a transport stream": (described(TYPE, sdp=(*HEAD, "m=video 0 MP2T/RTP/AVP 33")), CodecRefused),
    "HTTP": (b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", RtspInvalid),
    "a broken head": (b"RTSP/1.0 OK\r\n\r\n", RtspInvalid),
    "a length that is none": (b"RTSP/1.0 200 OK\r\nContent-Length: many\r\n\r\n", RtspInvalid),
    "silence": (b"", CameraSilent),
    "half an answer": (b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n", CameraSilent),
    "half a description": (described(TYPE, length=400, sdp=HEAD[:2]), SdpInvalid),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_recorded_is_named(name: str) -> None:
    describe, error = REFUSED[name]
    for sizes in CUTS:
        with pytest.raises(error):
            await converse({"DESCRIBE": [describe]}, sizes)


@pytest.mark.parametrize(
    "transport", ["RTP/AVP;unicast;client_port=5000-5001", "RTP/AVP/UDP", "RTP/SAVP/TCP;interleaved=0-1", "udp"]
)
async def test_a_way_that_was_not_asked_for_is_refused(transport: str) -> None:
    good = described(TYPE, sdp=(*HEAD, *VIDEO))
    with pytest.raises(TransportRefused):
        await converse({"DESCRIBE": [good], "SETUP": [answered(f"Transport: {transport}")]})


async def test_a_track_unknown_under_the_named_base_is_asked_for_under_the_one_that_was_reached() -> None:
    base = "Content-Base: rtsp://10.0.0.7/elsewhere/"
    make = described(TYPE, base, sdp=(*HEAD, "a=control:*", *VIDEO))
    refused = b"RTSP/1.0 404 Not Found\r\nCSeq: 1\r\n\r\n"
    said = await converse({"DESCRIBE": [make], "SETUP": [refused, PLAIN]})
    assert said.asked("SETUP") == ["rtsp://10.0.0.7/elsewhere/trackID=1", f"{URL}/trackID=1"]
    assert said.asked("PLAY") == [URL]
    with pytest.raises(StreamNotFound):
        await converse({"DESCRIBE": [make], "SETUP": [refused]})


def refusal(status: int) -> bytes:
    return f"RTSP/1.0 {status} No\r\nCSeq: 1\r\n\r\n".encode()


ODD_CONTROLS = {
    "/live/ch0/track1": "/live/ch0/track1",
    "rtsp://0.0.0.0:554/live/ch0/track1": "/live/ch0/track1",
    "rtsp://10.9.9.9/x?y=1": "/x?y=1",
    "track1": "/track1",
    "track1?x=/": "/track1?x=/",
}


@pytest.mark.parametrize("control", ODD_CONTROLS)
async def test_a_track_is_at_last_asked_for_where_the_standard_joins_it(control: str) -> None:
    make = described(TYPE, sdp=(*HEAD, *VIDEO[:3], f"a=control:{control}"))
    said = await converse({"DESCRIBE": [make], "SETUP": [refusal(404), PLAIN]})
    assert said.asked("SETUP")[-1] == f"rtsp://192.168.1.10:554{ODD_CONTROLS[control]}"
    assert len(said.asked("SETUP")) == 2


@pytest.mark.parametrize("status", [451, 456, 457])
async def test_live_video_that_has_no_beginning_is_played_without_one(status: int) -> None:
    make = described(TYPE, sdp=(*HEAD, *VIDEO))
    said = await converse({"DESCRIBE": [make], "PLAY": [refusal(status), PLAIN]})
    assert [("Range: " in head) for head in said.heads if head.startswith("PLAY ")] == [True, False]
    with pytest.raises(RequestRejected, match=str(status)):
        await converse({"DESCRIBE": [make], "PLAY": [refusal(status)]})


async def test_the_whole_that_the_camera_does_not_know_by_its_own_name_is_played_by_the_tracks_or_ours() -> None:
    make = described(TYPE, sdp=(*HEAD, "a=control:rtsp://10.0.0.7/all", *VIDEO))
    one = await converse({"DESCRIBE": [make], "PLAY": [refusal(459), PLAIN]})
    assert one.asked("PLAY") == ["rtsp://10.0.0.7/all", f"{URL}/trackID=1"]
    answers = {"SETUP": [answered("Session: 1")], "PLAY": [refusal(404), refusal(460), PLAIN]}
    other = await converse({"DESCRIBE": [make]} | answers)
    assert other.asked("PLAY")[2:] == [URL]
    assert other.asked("OPTIONS") == other.asked("TEARDOWN") == [URL]
    with pytest.raises(RequestRejected, match="454"):
        await converse({"DESCRIBE": [make], "PLAY": [refusal(454)]})


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, RequestRejected), (403, CameraAuthentication), (453, CameraRefused), (461, TransportRefused),
     (500, RequestRejected), (503, CameraRefused), (551, RequestRejected), (302, RedirectRefused)],
)  # fmt: skip
async def test_a_refusal_of_any_request_is_named(status: int, error: type[CaptureError]) -> None:
    good = described(TYPE, sdp=(*HEAD, *VIDEO))
    for method in ("DESCRIBE", "SETUP", "PLAY"):
        with pytest.raises(error):
            await converse({"DESCRIBE": [good], method: [refusal(status)]})


CHALLENGES = {
    "Hikvision: both, Digest first": (
        'Digest realm="IP Camera(10)", nonce="a1", stale="FALSE"', 'Basic realm="IP Camera(10)"',
    ),
    "Dahua": ('Digest realm="Login to 5c1d", nonce="bd5c"',),
    "Axis: both, Digest last, quality of protection": (
        'Basic realm="AXIS_ACCC8E"', 'Digest realm="AXIS_ACCC8E", nonce="00f2:a", algorithm=MD5, qop="auth"',
    ),
    "one header for all, no blanks": ('Basic realm="x",Digest realm="x",nonce="a",qop="auth,auth-int"',),
    "apart by semicolons": ('Digest realm="x"; nonce="a"; algorithm=MD5; qop=auth',),
    "apart by blanks, another case": ('DIGEST REALM="x" NONCE="a" ALGORITHM="md5"',),
    "in single quotes": ("Digest realm='x', nonce='a'",),
    "without quotes": ("Digest realm=x, nonce=a, algorithm=MD5",),
    "a quote that nothing closes": ('Digest realm="x", nonce="a',),
    "SHA-256 written together": ('Digest realm="x", nonce="a", algorithm=SHA256, qop="auth"',
    'Digest realm="x", nonce="b"'),
    "an unknown way first": ('Bearer realm="x"', 'Digest realm="x", nonce="a", algorithm=SHA-512',
    'Digest realm="", nonce="a"'),
    "folded": ('Digest realm="x",\r\n  nonce="a",\r\n\talgorithm=MD5',),
    "options apart by blanks": ('Digest realm="x", nonce="a", qop="auth-int auth"',),
    "an unknown way behind it, with a realm of its own": ('Digest realm="x", nonce="a", Bearer realm="y", nonce="z"',),
    "an unknown way before it, bare": ('Negotiate, Digest realm="x", nonce="a", opaque="", stale',),
    "RFC 7616 in full": (
        'Digest realm="x", domain="/", qop="auth, auth-int", algorithm=SHA-256, nonce="a", charset=x, userhash=true',
        'Digest realm="x", qop="auth, auth-int", algorithm=MD5, nonce="b", userhash=true',
    ),
    "nothing asked of the quality, padding in the nonce": ('Digest nonce=aGk==,realm=x,qop="",opaque=x=y=',),
}  # fmt: skip


@pytest.mark.parametrize("name", CHALLENGES)
async def test_each_way_to_ask_for_a_password_is_answered(name: str) -> None:
    lines = "".join(f"WWW-Authenticate: {text}\r\n" for text in CHALLENGES[name])
    asks = f"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n{lines}\r\n".encode()
    good = described(TYPE, sdp=(*HEAD, *VIDEO))
    said = await converse({"DESCRIBE": [asks, good]}, credentials=Credentials("admin", "word"))
    answers = [head for head in said.heads if "Authorization: Digest " in head]
    assert len(answers) == len(said.heads) - 1
    assert ("SHA" in name or "7616" in name) == all("algorithm=SHA" in head for head in answers)
    assert all('realm="y"' not in head for head in answers)
    assert 'nonce="00f2:a"' in answers[0] or 'nonce="a' in answers[0] or 'nonce="bd5c"' in answers[0]
    with pytest.raises(CameraAuthentication):
        await converse({"DESCRIBE": [asks]}, credentials=Credentials("admin", "wrong"))


def asked(nonce: str, *more: str) -> bytes:
    """A 401 with that nonce."""
    header = ", ".join(['WWW-Authenticate: Digest realm="x"', f'nonce="{nonce}"', *more])
    return f"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n{header}\r\n\r\n".encode()


async def test_a_nonce_for_each_request_is_followed_said_to_be_stale_or_not() -> None:
    good = described(TYPE, sdp=(*HEAD, *VIDEO))
    for more in ((), ("stale=true",)):
        answers = {
            "DESCRIBE": [asked("a"), good],
            "SETUP": [asked("b", *more), PLAIN],
            "PLAY": [asked("c", *more), PLAIN],
        }
        said = await converse(answers, credentials=Credentials("admin", "word"))
        assert [re.findall('nonce="(.)"', head) for head in said.heads if head.startswith("PLAY")] == [["b"], ["c"]]


async def test_a_realm_that_is_no_utf_8_is_digested_and_sent_back_as_it_came() -> None:
    wire = 'WWW-Authenticate: Digest realm="Caméra d\'entrée", nonce="a"'.encode("latin-1")
    asks = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: \xe9\r\n" + wire + b"\r\n\r\n"
    good = described(TYPE, sdp=(*HEAD, *VIDEO))
    said = await converse({"DESCRIBE": [asks, good]}, credentials=Credentials("admin", "word"))
    first = hashlib.md5("admin:Caméra d'entrée:word".encode("latin-1"), usedforsecurity=False).hexdigest()
    second = hashlib.md5(f"DESCRIBE:{URL}".encode(), usedforsecurity=False).hexdigest()
    proof = hashlib.md5(f"{first}:a:{second}".encode(), usedforsecurity=False).hexdigest()
    assert f'response="{proof}"' in said.heads[1]
    assert "Caméra d'entrée".encode("latin-1") in said.heads[1].encode("utf-8", "surrogateescape")


async def test_a_password_that_was_refused_is_not_sent_again_whatever_the_nonce() -> None:
    for answers in ([asked("a"), asked("b")], [asked("a"), asked("a", "stale=true")], [asked("a", "stale=true")] * 2):
        said = Said()
        with pytest.raises(CameraAuthentication):
            await converse({"DESCRIBE": answers}, credentials=Credentials("admin", "wrong"), said=said)
        assert len(said.asked("DESCRIBE")) == 2


ANY = [text for make in ALL.values() for text in (make.describe, make.setup, make.play)]
METHODS = ("DESCRIBE", "SETUP", "PLAY", "OPTIONS", "TEARDOWN")


@settings(max_examples=60)
@given(st.data())
def test_no_mutation_of_them_ends_otherwise_than_by_name(data: st.DataObject) -> None:
    answers = {method: [bent(data, data.draw(st.sampled_from(ANY)))] for method in METHODS}
    sizes = data.draw(st.sampled_from([(65_536,), (200, 7), (31,)]))
    with suppress(CaptureError):
        asyncio.run(converse(answers, sizes, Credentials("admin", "word")))
