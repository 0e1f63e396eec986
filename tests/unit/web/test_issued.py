"""A certificate of the authority: asked for, judged by a real openssl, kept, and what each mistake is called."""

import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.clock import SystemClock
from appliance.web.certificate import ensure_certificate
from appliance.web.certificate_errors import (
    CertificateNotAllowed,
    CertificateNotAsked,
    CertificateNotKept,
    CertificateOfAnotherKey,
    CertificateOfAnotherName,
    CertificateOfAStranger,
    CertificateOutOfTime,
    CertificateRefused,
    CertificateTooLong,
    CertificateTooWeak,
    CertificateUnfit,
    CertificateUnreadable,
    CertificateWithKey,
)
from appliance.web.issued import FORMER, ISSUED, KEY, check, keep, make_request, parse_told, refusal, settle
from tests.peers.authority import SERVER, Authority

NAME = "temoin.zola.exemple.fr"
DAY_US = 86_400_000_000


@dataclass
class Office:
    """The authority, and the folder of an appliance whose request waits."""

    authority: Authority
    folder: Path
    request: str

    def check(self, text: str, name: str = NAME, days: int = 0, anchor: Path | None = None) -> str:
        at = SystemClock().utc_us() + 60_000_000 + days * DAY_US
        return check(self.folder, text, name, anchor or self.authority.root, at, "rendu.pem")

    def given(self, **how: object) -> str:
        return self.authority.sign(self.request, **{"name": NAME, **how}) + self.authority.pem  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    folder = tmp_path_factory.mktemp("office")
    (folder / "front").mkdir()
    return Office(Authority(folder / "authority"), folder / "front", make_request(folder / "front", NAME))


def test_the_request_names_the_appliance_and_its_key_stays_with_its_owner(office: Office) -> None:
    done = subprocess.run(
        ["openssl", "req", "-noout", "-text", "-verify"],
        input=office.request, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"DNS:{NAME}" in done.stdout
    assert "NIST CURVE: P-256" in done.stdout
    assert "PRIVATE" not in office.request
    assert stat.S_IMODE((office.folder / KEY).stat().st_mode) == 0o600
    key = (office.folder / KEY).read_bytes()
    assert make_request(office.folder, NAME).startswith("-----BEGIN CERTIFICATE REQUEST-----")
    assert (office.folder / KEY).read_bytes() == key, "asked again, what the authority signs already still fits"


def test_a_good_chain_is_taken_in_any_order_with_the_key_before_it(office: Office) -> None:
    leaf = office.authority.sign(office.request, NAME)
    made = office.check(leaf + office.authority.pem)
    assert made == (office.folder / KEY).read_text() + leaf + office.authority.pem
    assert office.check(office.authority.pem + leaf) == made
    assert office.check(leaf, anchor=office.authority.issuing), "the site may name the issuing authority itself"


Wrong = Callable[[Office], object]

MISTAKES: dict[str, tuple[type[CertificateRefused], Wrong]] = {
    "not asked": (
        CertificateNotAsked,
        lambda o: check(o.authority.folder, o.given(), NAME, o.authority.root, 0, "rendu.pem"),
    ),
    "no certificate": (CertificateUnreadable, lambda o: o.check("bonjour")),
    "nine of them": (CertificateUnreadable, lambda o: o.check(o.authority.pem * 9)),
    "a damaged one": (CertificateUnreadable, lambda o: o.check(o.given().replace("MII", "AII", 1))),
    "with a key": (CertificateWithKey, lambda o: o.check((o.folder / KEY).read_text() + o.given())),
    "another key": (CertificateOfAnotherKey, lambda o: o.check(o.authority.pem)),
    "another name": (CertificateOfAnotherName, lambda o: o.check(o.given(name="nas.zola.exemple.fr"))),
    "the subject alone": (CertificateOfAnotherName, lambda o: o.check(o.given(name=""))),
    "intermediate left out": (CertificateOfAStranger, lambda o: o.check(o.authority.sign(o.request, NAME))),
    "over": (CertificateOutOfTime, lambda o: o.check(o.given(), days=91)),
    "not yet": (CertificateOutOfTime, lambda o: o.check(o.given(), days=-2)),
    "398 days": (CertificateTooLong, lambda o: o.check(o.given(days=398))),
    "a name that the authority may not sign": (
        CertificateNotAllowed,
        lambda o: o.check(o.given(name="temoin.ailleurs.fr"), "temoin.ailleurs.fr"),
    ),
    "a longer path than the authority may have": (
        CertificateUnfit,
        lambda o: o.check(o.authority.below(o.request, NAME)),
    ),
    "for clients": (CertificateUnfit, lambda o: o.check(o.given(uses="clientAuth"))),
    "an authority itself": (
        CertificateRefused,
        lambda o: o.check(o.given(extensions=("basicConstraints=CA:TRUE", *SERVER[1:]))),
    ),
    "nobody's": (
        CertificateOfAStranger,
        lambda o: check(o.folder, o.authority.sign(o.request, NAME), NAME, None, 1, ""),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_has_a_sentence_of_its_own(office: Office, mistake: str) -> None:
    kind, done = MISTAKES[mistake]
    with pytest.raises(kind) as raised:
        done(office)
    assert kind is CertificateRefused or type(raised.value) is kind
    assert not (office.folder / ISSUED).exists()


def test_397_days_are_taken(office: Office) -> None:
    assert office.check(office.given(days=397))


def test_another_authority_of_the_same_name_is_a_stranger(office: Office, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    with pytest.raises(CertificateOfAStranger):
        office.check(other.sign(office.request, NAME) + other.pem)


def test_an_authority_with_a_short_key_is_too_weak(office: Office, tmp_path: Path) -> None:
    weak = Authority(tmp_path / "weak", bits=1024)
    with pytest.raises(CertificateTooWeak):
        office.check(weak.sign(office.request, NAME) + weak.pem, anchor=weak.root)


def test_the_one_before_is_there_until_the_new_one_is_served(tmp_path: Path) -> None:
    (tmp_path / KEY).write_text("key")
    keep(tmp_path, "first")
    settle(tmp_path, served=True)
    assert [file.name for file in tmp_path.iterdir()] == [ISSUED]
    assert stat.S_IMODE((tmp_path / ISSUED).stat().st_mode) == 0o640
    (tmp_path / KEY).write_text("key")
    keep(tmp_path, "second")
    assert [(tmp_path / name).read_text() for name in (ISSUED, FORMER)] == ["second", "first"]
    assert (tmp_path / FORMER).stat().st_nlink == 1, "a copy: nobody links another user's file"
    settle(tmp_path, served=False)
    assert (tmp_path / ISSUED).read_text() == "first"
    assert (tmp_path / KEY).exists(), "the request still waits"
    assert not (tmp_path / FORMER).exists()


def test_a_first_one_that_is_not_served_goes_without_a_trace(tmp_path: Path) -> None:
    keep(tmp_path, "first")
    settle(tmp_path, served=False)
    assert not list(tmp_path.iterdir())


def test_a_link_that_lies_in_the_way_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    (tmp_path / "other").write_text("untouched")
    (tmp_path / "front" / "issued.new").symlink_to(tmp_path / "other")
    keep(tmp_path / "front", "first")
    assert (tmp_path / "other").read_text() == "untouched"


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    for wrong in (lambda: keep(tmp_path / "no", "x"), lambda: make_request(tmp_path / "no", NAME)):
        with pytest.raises(CertificateNotKept):
            wrong()


@given(st.text())
def test_whatever_a_tool_prints_is_refused_in_words_or_read(text: str) -> None:
    assert isinstance(refusal(text, NAME), CertificateRefused)
    with pytest.raises(ValueError):
        parse_told(text)


def test_the_appliances_own_certificate_is_none_of_an_authority(office: Office, tmp_path: Path) -> None:
    own = ensure_certificate(tmp_path, NAME).read_text()
    with pytest.raises(CertificateWithKey):
        office.check(own)
    with pytest.raises(CertificateOfAnotherKey):
        office.check(own[own.index("-----BEGIN CERT") :])


def test_a_key_that_another_user_keeps_to_itself_gives_way_to_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_request(tmp_path, NAME)
    before = (tmp_path / KEY).read_bytes()
    monkeypatch.setattr("os.access", lambda _file, _mode: False)  # the command's, for the page's user
    make_request(tmp_path, NAME)
    assert (tmp_path / KEY).read_bytes() != before
