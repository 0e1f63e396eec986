"""Authentication: the examples of the RFCs, the choice of a challenge, and no second try with a wrong password."""

import pytest

from appliance.capture.auth import Authenticator, parse_challenges
from appliance.capture.errors import CameraAuthentication, CameraAuthScheme, CameraPasswordMissing
from appliance.capture.url import Credentials

MUFASA = Credentials("Mufasa", "Circle of Life")
REALM = 'realm="http-auth@example.org", qop="auth, auth-int"'
NONCES = 'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def answered(*headers: str, credentials: Credentials = MUFASA) -> str:
    auth = Authenticator(credentials, cnonce=lambda: CNONCE)
    auth.challenged(headers)
    header = auth.header("GET", "/dir/index.html")
    assert header is not None
    return header


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    header = answered(f"Digest {REALM}, algorithm={algorithm}, {NONCES}")
    assert f'response="{response}"' in header
    assert "qop=auth, nc=00000001" in header
    assert f'cnonce="{CNONCE}"' in header
    assert f"algorithm={algorithm}" in header


def test_the_form_without_qop_of_rfc_2069() -> None:
    # RFC 2617 section 3.2.2.1 without qop: KD(H(A1), nonce ":" H(A2)).
    header = answered('Digest realm="testrealm@host.com",nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"')
    assert "qop" not in header
    assert "cnonce" not in header
    assert 'response="' in header


def test_sha_256_before_md5_before_basic_in_any_order() -> None:
    basic, md5 = 'Basic realm="cam"', f"Digest {REALM}, algorithm=MD5, {NONCES}"
    sha = f"Digest {REALM}, algorithm=SHA-256, {NONCES}"
    assert "SHA-256" in answered(basic, md5, sha)
    assert "SHA-256" in answered(f"{basic}, {sha}, {md5}")
    assert "algorithm=MD5" in answered(f"{basic}, {md5}")
    assert answered(basic) == "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl"


def test_what_is_not_understood_is_left_for_what_is() -> None:
    unknown = f"Digest {REALM}, algorithm=SHA-512-256, {NONCES}"
    assert answered(unknown, 'Basic realm="cam"').startswith("Basic ")
    for header in (unknown, "Digest realm=x", 'Digest realm="x", nonce="y", qop="auth-int"', "Negotiate", ""):
        with pytest.raises(CameraAuthScheme):
            answered(header)


def test_a_wrong_password_is_not_tried_twice() -> None:
    auth = Authenticator(MUFASA)
    challenge = f"Digest {REALM}, algorithm=MD5, {NONCES}"
    auth.challenged([challenge])
    with pytest.raises(CameraAuthentication):
        auth.challenged([challenge])
    with pytest.raises(CameraAuthentication):
        auth.challenged([challenge.replace("7ypf", "8888")])  # a fresh nonce alone is no invitation


def test_a_stale_nonce_is_answered_with_the_fresh_one() -> None:
    auth = Authenticator(MUFASA)
    auth.challenged(['Digest realm="r", nonce="one"'])
    auth.challenged(['Digest realm="r", nonce="two", stale=TRUE'])
    header = auth.header("OPTIONS", "rtsp://camera/")
    assert header is not None
    assert 'nonce="two"' in header
    with pytest.raises(CameraAuthentication):
        auth.challenged(['Digest realm="r", nonce="two", stale=TRUE'])


def test_without_credentials_nothing_is_sent() -> None:
    auth = Authenticator(None)
    assert auth.header("OPTIONS", "*") is None
    with pytest.raises(CameraPasswordMissing):
        auth.challenged(['Basic realm="cam"'])


def test_quotes_and_line_ends_cannot_leave_their_field() -> None:
    header = answered('Digest realm="a\\"b", nonce="n"', credentials=Credentials('ev"il\r\nX: y', "p"))
    assert '"ev\\"ilX: y"' in header
    assert "\n" not in header


def test_challenges_are_parsed_with_odd_blanks() -> None:
    found = parse_challenges(['Digest  realm = "a, b" ,nonce= "n",algorithm = MD5 ,Basic realm="c"'])
    assert [challenge.scheme for challenge in found] == ["digest", "basic"]
    assert found[0].parameters == {"realm": "a, b", "nonce": "n", "algorithm": "MD5"}


def test_credentials_never_show_themselves() -> None:
    assert "Circle" not in repr(MUFASA)
