"""The page's certificate over the API: who may, what is told, what is served after it, and what is entered."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from appliance.accounts.roles import RIGHTS, Right, Role
from appliance.core.chain import Facts
from appliance.core.clock import SimulatedClock, SystemClock
from appliance.web.app import CERTIFICATE
from appliance.web.certificate import ensure_certificate, fingerprint_of, in_words
from appliance.web.certificate_desk import Place
from appliance.web.certificate_routes import DESK, LARGEST_BODY
from appliance.web.issued import FORMER, ISSUED, KEY, LARGEST
from appliance.web.passkey_routes import NAMES
from appliance.web.served import ServedCertificate
from tests.peers.authority import Authority
from tests.unit.web.conftest import Api

NAME = "temoin.zola.exemple.fr"
ADDRESS = "/api/v1/certificate"
DAY_S = 86_400.0
NOW_US = SystemClock().utc_us() + 7200 * 1_000_000
"""us: openssl dates what a test makes by the machine's own clock, and this is read when the tests are gathered, up to
an hour before."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("office") / "authority")


@pytest.fixture
async def desk(api: Api, authority: Authority) -> Api:
    """A page that serves the appliance's own certificate, and a technician before it."""
    folder = api.folder / "front"
    await asyncio.to_thread(folder.mkdir)
    _ = await asyncio.to_thread(ensure_certificate, folder, "temoin-1")
    served = ServedCertificate(folder)
    assert await asyncio.to_thread(served.look)
    api.app[DESK].place = Place(served, NAME, authority.root)
    api.app[DESK].clock = SimulatedClock(NOW_US)
    await api.as_(Role.TECHNICIAN)
    return api


def told(api: Api, kind: str) -> list[Facts]:
    return [facts for name, facts in api.told if name == kind]


async def asked(api: Api) -> str:
    return str((await api.post("askCertificate", f"{ADDRESS}/request", {}, status=201))["request"])


async def given(api: Api, pem: str, status: int = 200) -> Any:
    return await api.post("installCertificate", ADDRESS, {"given": "rendu.pem", "pem": pem}, status=status)


async def signed(api: Api, authority: Authority, name: str = NAME) -> str:
    """What the authority makes of the request."""
    return await asyncio.to_thread(authority.sign, await asked(api), name) + authority.pem


def test_those_who_mend_the_machine_deal_with_it_and_nobody_else() -> None:
    assert {role for role in Role if Right.CERTIFICATE in RIGHTS[role]} == {Role.TECHNICIAN, Role.CENTRAL}


@pytest.mark.parametrize("role", [Role.MANAGER, Role.VIEWER])
async def test_others_are_refused_and_nothing_is_made(desk: Api, role: Role) -> None:
    await desk.as_(role)
    assert (await desk.json("certificate", ADDRESS, status=403))["code"] == "right-missing"
    assert (await desk.post("askCertificate", f"{ADDRESS}/request", {}, status=403))["code"] == "right-missing"
    assert (await given(desk, "", status=403))["code"] == "right-missing"
    assert [file.name for file in (desk.folder / "front").iterdir()] == ["server.pem"]


async def test_what_is_served_is_told_with_the_words_of_the_screen(desk: Api) -> None:
    body = await desk.json("certificate", ADDRESS)
    own = fingerprint_of((desk.folder / "front" / "server.pem").read_text(encoding="ascii"))
    found = body["certificate"]
    assert (found["fingerprint"], found["words"]) == (own, in_words(own))
    assert (found["subject"], found["issuer"], found["own"]) == ("CN=temoin-1", "CN=temoin-1", True)
    assert found["names"] == ["temoin-1"]
    assert found["until_us"] - found["from_us"] > 36_000 * DAY_S * 1e6
    assert (body["name"], body["waiting"], body["faults"]) == (NAME, False, [])
    assert "PRIVATE" not in str(body)


async def test_one_is_asked_for_signed_installed_and_served(desk: Api, authority: Authority) -> None:
    await desk.as_(Role.CENTRAL)
    pem = await signed(desk, authority)
    assert (await desk.json("certificate", ADDRESS))["waiting"]
    assert told(desk, "certificate-asked") == [{"account": "centre", "name": NAME}]
    body = await given(desk, pem)
    found = body["certificate"]
    assert (found["fingerprint"], found["own"], found["names"]) == (fingerprint_of(pem), False, [NAME])
    assert (found["issuer"], body["waiting"]) == ("CN=Autorite", False)
    assert desk.app[NAMES] == {NAME}, "keys are offered for its name"
    assert told(desk, "certificate-installed") == [{"account": "centre", "fingerprint": fingerprint_of(pem)}]
    assert len(told(desk, "certificate-served")) == 1
    assert {file.name for file in (desk.folder / "front").iterdir()} == {"server.pem", ISSUED}
    await desk.app[DESK].look()
    assert len(told(desk, "certificate-served")) == 1, "it is entered once"
    again = await given(desk, pem, status=409)
    assert again["code"] == "certificate-not-asked"


async def test_what_is_refused_is_entered_and_the_one_before_is_served(desk: Api, authority: Authority) -> None:
    before = (await desk.json("certificate", ADDRESS))["certificate"]
    assert (await given(desk, "bonjour", status=409))["code"] == "certificate-unreadable"
    pem = await signed(desk, authority, "ailleurs.zola.exemple.fr")
    assert (await given(desk, pem, status=409))["code"] == "certificate-of-another-name"
    assert [each["code"] for each in told(desk, "certificate-refused")] == [
        "certificate-unreadable",
        "certificate-of-another-name",
    ]
    assert {each["account"] for each in told(desk, "certificate-refused")} == {"martin"}
    assert (await desk.json("certificate", ADDRESS))["certificate"] == before
    assert (desk.folder / "front" / KEY).exists(), "the request waits on"
    await given(desk, await signed(desk, authority))


async def test_no_more_is_read_than_certificates_can_have(desk: Api) -> None:
    _ = await asked(desk)
    for size in (LARGEST + 1, LARGEST_BODY + 1):
        assert (await given(desk, "x" * size, status=409))["code"] == "certificate-unreadable"
    longest = "\n".join(["x" * 64] * (LARGEST // 65))
    assert (await given(desk, longest, status=409))["code"] == "certificate-unreadable", "it is read whole, and refused"
    for body in ({"pem": "x"}, {"pem": 1, "given": "a"}, {"pem": "x", "given": "a\nb"}, {"pem": "x", "given": ""}):
        answer = await desk.post("installCertificate", ADDRESS, body, status=400)
        assert answer["code"] == "bad-body"


async def test_a_certificate_that_the_page_cannot_take_is_put_back(
    desk: Api, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    pem, place = await signed(desk, authority), desk.app[DESK].place
    assert place is not None
    before = place.served.fingerprint
    monkeypatch.setattr(ServedCertificate, "_take", lambda _self, _file: False)
    assert (await given(desk, pem, status=503))["code"] == "certificate-not-served"
    monkeypatch.undo()
    assert place.served.fingerprint == before
    folder = desk.folder / "front"
    assert not (folder / ISSUED).exists()
    assert not (folder / FORMER).exists()
    assert told(desk, "certificate-refused") == [{"account": "martin", "code": "certificate-not-served"}]
    assert (folder / KEY).exists()


async def test_its_end_is_told_with_it(desk: Api, authority: Authority) -> None:
    await given(desk, await signed(desk, authority))
    clock = desk.app[DESK].clock
    assert isinstance(clock, SimulatedClock)
    clock.advance(70 * DAY_S)
    await desk.app[DESK].look()
    (fault,) = (await desk.json("certificate", ADDRESS))["faults"]
    assert fault["code"] == "certificate-ends"
    assert desk.app[CERTIFICATE] == [fault]


async def test_without_encryption_there_is_none_and_none_is_made(api: Api) -> None:
    await api.as_(Role.TECHNICIAN)
    body = await api.json("certificate", ADDRESS)
    assert (body["name"], body["certificate"]) == (None, None)
    refused = await api.post("askCertificate", f"{ADDRESS}/request", {}, status=409)
    assert refused["code"] == "certificate-no-encryption"
    assert (await given(api, "x", status=409))["code"] == "certificate-no-encryption"
    await api.app[DESK].look()
    assert api.app[CERTIFICATE] == []


def test_the_folder_is_the_one_that_the_pages_unit_may_write_to() -> None:
    unit = (Path(__file__).parents[3] / "systemd" / "system" / "appliance-web.service").read_text(encoding="utf-8")
    (writes,) = [line for line in unit.splitlines() if line.startswith("ReadWritePaths=")]
    assert writes.partition("=")[2].split() == ["/var/lib/appliance/recorder/journal", "/var/lib/appliance/front"]
