"""The certificate changes while the page serves: new handshakes get the new one, what is broken never silently."""

import asyncio
import ssl
from datetime import UTC
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.clock import SystemClock
from appliance.web.app import CERTIFICATE
from appliance.web.certificate import ensure_certificate, fingerprint_of, served_fingerprint
from appliance.web.issued import FORMER, ISSUED, check, keep, make_request, settle
from appliance.web.served import WARN_US, ServedCertificate, end_fault
from tests.peers.authority import Authority
from tests.unit.web.conftest import Api

NAME = "temoin.zola.exemple.fr"
NOW_US = SystemClock().utc_us() + 43_200_000_000
"""us, half a day on: openssl dates what a test makes later by the machine's own clock."""

END = 1_800_000_000_000_000


def issue(folder: Path, authority: Authority) -> str:
    """A new certificate, kept; its fingerprint."""
    leaf = authority.sign(make_request(folder, NAME), NAME)
    pem = check(folder, leaf + authority.pem, NAME, authority.root, NOW_US, "")
    keep(folder, pem)
    return fingerprint_of(pem)


def codes(served: ServedCertificate, now_us: int | None = None) -> list[str]:
    return [fault["code"] for fault in served.faults(NOW_US if now_us is None else now_us)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "front"
    made.mkdir()
    ensure_certificate(made, "temoin-1")
    return made


async def test_new_connections_get_the_new_certificate_and_open_ones_go_on(folder: Path, tmp_path: Path) -> None:
    authority = await asyncio.to_thread(Authority, tmp_path / "authority")
    served = ServedCertificate(folder)
    app = web.Application()

    async def page(request: web.Request) -> web.Response:
        """Which connection asks: the port at its other end."""
        assert request.transport is not None
        return web.Response(text=str(request.transport.get_extra_info("peername")[1]))

    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=await asyncio.to_thread(served.context)).start()
    try:
        await changes(served, folder, authority, int(runner.addresses[0][1]))
    finally:
        await runner.cleanup()


async def changes(served: ServedCertificate, folder: Path, authority: Authority, port: int) -> None:
    address, own = ("127.0.0.1", port), served.fingerprint
    assert await asyncio.to_thread(served_fingerprint, address) == own
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=unchecked, limit=1)) as open_one:
        async with open_one.get(f"https://127.0.0.1:{port}/") as answer:
            connection = await answer.text()
        issued = await asyncio.to_thread(issue, folder, authority)
        assert await asyncio.to_thread(served.look)
        assert not await asyncio.to_thread(served.look)
        assert (served.fingerprint, codes(served)) == (issued, [])
        assert await asyncio.to_thread(served_fingerprint, address) == issued
        async with open_one.get(f"https://127.0.0.1:{port}/") as answer:
            assert await answer.text() == connection, "the one of before is still open"
    trusting = ssl.create_default_context(cafile=str(authority.root))
    async with aiohttp.ClientSession() as strict:
        address_of_name = f"https://127.0.0.1:{port}/"
        async with strict.get(address_of_name, ssl=trusting, server_hostname=NAME) as answer:
            assert answer.status == 200, "the whole chain is sent, and the name fits"


def test_a_broken_one_gives_way_to_the_one_before_then_to_the_appliances_own_and_it_is_told(
    folder: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    served = ServedCertificate(folder)
    served.look()
    own = served.fingerprint
    first = issue(folder, authority)
    settle(folder, served=True)
    issue(folder, authority)
    (folder / ISSUED).write_text("spoilt")
    assert served.look()
    assert (served.fingerprint, codes(served)) == (first, ["certificate-broken"])
    (folder / FORMER).unlink()
    assert served.look()
    assert (served.fingerprint, codes(served)) == (own, ["certificate-broken"])
    assert codes(ServedCertificate(folder)) == [], "nothing was looked at yet"
    (folder / ISSUED).unlink()
    served.look()
    assert (served.fingerprint, codes(served)) == (own, [])


def test_an_authoritys_certificate_is_served_where_the_appliances_own_is_spoilt(folder: Path, tmp_path: Path) -> None:
    issued = issue(folder, Authority(tmp_path / "authority"))
    (folder / "server.pem").write_text("spoilt")
    served = ServedCertificate(folder)
    _ = served.context()
    assert (served.fingerprint, codes(served)) == (issued, [])


def test_nothing_at_all_serves_nothing(tmp_path: Path) -> None:
    served = ServedCertificate(tmp_path)
    assert not served.look()
    assert (served.fingerprint, codes(served)) == ("", [])
    with pytest.raises(FileNotFoundError):
        served.context()


def test_its_end_is_told_from_thirty_days_before(folder: Path, tmp_path: Path) -> None:
    served = ServedCertificate(folder)
    issue(folder, Authority(tmp_path / "authority"))
    served.look()
    assert served.until_us is not None
    assert codes(served, served.until_us - WARN_US - 1) == []
    assert codes(served, served.until_us - WARN_US) == ["certificate-ends"]
    assert codes(served, served.until_us) == ["certificate-over"]


@given(st.integers(-2 * WARN_US, 2 * WARN_US))
def test_what_is_told_of_an_end_follows_from_the_time_that_is_left(left: int) -> None:
    fault = end_fault(END, END - left)
    assert (fault is None) == (left > WARN_US)
    if fault is not None:
        assert (fault["code"] == "certificate-over") == (left <= 0)
        assert "15/01/2027" in fault["fr"]
        assert "2027-01-15" in fault["en"]
    assert end_fault(END, END - left, UTC) == fault


async def test_the_state_tells_it_among_what_is_to_be_seen_to(api: Api) -> None:
    before = await api.json("state", "/api/v1/state")
    fault = end_fault(END, END)
    assert fault is not None
    api.app[CERTIFICATE].append(fault)
    after = await api.json("state", "/api/v1/state")
    (issue,) = [each for each in after["issues"] if each not in before["issues"]]
    assert (issue["fr"], issue["en"]) == (fault["fr"], fault["en"])
    assert after["verdict"] == "attention"
