"""`appliance certificate`: what is served after it, what is put back, and what is said."""

from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.cli import CANNOT, OK, main
from appliance.core.clock import SimulatedClock, SystemClock
from appliance.services.certificate import SERVED_S, lines, name_of, take_over, told
from appliance.services.console import certificate_lines
from appliance.web.certificate import ensure_certificate, fingerprint_of
from appliance.web.certificate_errors import CertificateNotServed
from appliance.web.issued import FORMER, ISSUED, KEY, make_request
from tests.peers.authority import Authority
from tests.peers.live import SITE_CAMERA, SITE_HEADER

NAME = "temoin.zola.exemple.fr"
DAY_US = 86_400_000_000
ZONE = ZoneInfo("Europe/Paris")


class Rig:
    """An appliance's folder, its authority, and a page that serves what it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "front"
        self.folder.mkdir()
        ensure_certificate(self.folder, "temoin-1")
        self.authority = Authority(folder / "authority")
        self.clock = SimulatedClock(SystemClock().utc_us() + 60_000_000)
        self.serves = "own"
        self.pauses = 0

    def install(self, look: Callable[[], str] | None = None) -> tuple[str, bool]:
        text = self.authority.sign(make_request(self.folder, NAME), NAME) + self.authority.pem

        def pause(seconds: float) -> None:
            self.pauses += 1
            self.clock.advance(seconds)
            if self.pauses == 3 and self.serves == "slow":
                self.serves = fingerprint_of((self.folder / ISSUED).read_text())

        see = look or (lambda: self.serves)
        return take_over(self.folder, text, NAME, self.authority.root, "rendu.pem", self.clock, see, pause)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def test_it_is_over_when_the_page_serves_it(rig: Rig) -> None:
    rig.serves = "slow"
    fingerprint, served = rig.install()
    assert (served, rig.pauses) == (True, 3)
    assert fingerprint == rig.serves
    assert not (rig.folder / KEY).exists()
    assert not (rig.folder / FORMER).exists()
    said = told(fingerprint, rig.folder, ZONE, "fr", served=True)
    assert "La page sert ce certificat, jusqu'au " in said
    assert "The page will serve" in told(fingerprint, rig.folder, ZONE, "en", served=False)


def test_a_page_that_does_not_take_it_keeps_the_one_before(rig: Rig) -> None:
    rig.serves = "slow"
    rig.install()
    before = (rig.folder / ISSUED).read_text()
    with pytest.raises(CertificateNotServed):
        rig.install(lambda: "another")
    assert rig.pauses == 3 + SERVED_S
    assert (rig.folder / ISSUED).read_text() == before
    assert (rig.folder / KEY).exists(), "the request waits on"


def test_where_no_page_runs_it_is_there_for_its_start(rig: Rig) -> None:
    _, served = rig.install(lambda: "")
    assert not served
    assert (rig.folder / ISSUED).exists()


def test_status_tells_of_an_end_that_is_near_and_of_nothing_else(rig: Rig) -> None:
    assert lines(rig.folder, rig.clock, "fr", ZONE) == []
    rig.install(lambda: "")
    assert lines(rig.folder, rig.clock, "fr", ZONE) == []
    rig.clock.advance(61 * 86_400)
    (line,) = lines(rig.folder, rig.clock, "fr", ZONE)
    assert line.startswith("Le certificat de la page finit le ")
    assert lines(rig.folder / "no", rig.clock, "fr", ZONE) == []


def test_the_screen_tells_of_the_end_of_what_the_page_serves(rig: Rig) -> None:
    rig.install(lambda: "")
    pem = (rig.folder / ISSUED).read_text()
    issued = pem[pem.index("-----BEGIN CERT") :]
    now = rig.clock.utc_us()
    assert certificate_lines(issued, now, "fr") == ()
    (line,) = certificate_lines(issued, now + 91 * DAY_US, "en")
    assert line.startswith("The page's certificate has been over since ")
    own = (rig.folder / "server.pem").read_text()
    for pem in (own[own.index("-----BEGIN CERT") :], "", "no certificate"):
        assert certificate_lines(pem, now + 91 * DAY_US, "fr") == ()


def test_the_name_is_the_sites_or_the_appliances_own() -> None:
    assert name_of(NAME, "ab12") == NAME
    assert name_of(None, "ab12") == "temoin-ab12"


def test_the_command_asks_for_the_sites_name_and_refuses_what_is_no_certificate(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    site = tmp_path / "site.toml"
    head = SITE_HEADER.replace('secrets = "secrets.toml"\n', "")
    site.write_text(
        f'{head}[web]\nname = "{NAME}"\n[[disk]]\npath = "disk"\n'
        + SITE_CAMERA.format(id="hall", main="rtsp://127.0.0.1:9/", sub=""),
        encoding="utf-8",
    )
    (tmp_path / "front").mkdir()
    places = ["--site", str(site), "--folder", str(tmp_path / "front")]
    assert main(["certificate", "request", *places]) == OK
    said = capsys.readouterr().out
    assert said.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
    assert said.endswith("-----END CERTIFICATE REQUEST-----\n")
    (tmp_path / "rendu.pem").write_bytes(b"\xff\xfe")
    assert main(["certificate", "install", str(tmp_path / "rendu.pem"), *places]) == CANNOT
    assert "rendu.pem ne se lit pas" in capsys.readouterr().err
    authority = Authority(tmp_path / "authority")
    (tmp_path / "rendu.pem").write_text(authority.sign(said, "ailleurs.fr") + authority.pem)
    (tmp_path / "ca.pem").write_text(authority.root.read_text())
    assert main(["certificate", "install", str(tmp_path / "rendu.pem"), *places]) == CANNOT
    assert not (tmp_path / "front" / ISSUED).exists()
