"""Headers on every answer, loopback names only, nothing can be changed, files by exact name only."""

import re

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.web.app import make_app, serve
from appliance.web.errors import NotLoopback
from appliance.web.security import CONTENT_SECURITY_POLICY, HEADERS, check_bind, loopback_host, own_change
from tests.unit.web.conftest import Api


@pytest.mark.parametrize(
    "path", ["/", "/lecture", "/api/v1/state", "/nothing", "/assets/a-1234.js", "/api/v1/cameras/x/gop"]
)
async def test_every_answer_carries_the_headers(api: Api, path: str) -> None:
    async with api.session.get(f"{api.base}{path}") as answer:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert "Server" not in answer.headers
        if path.startswith("/api/"):
            assert answer.headers["Cache-Control"] == "no-store"


def test_the_policy_lets_no_inline_script_and_no_other_host() -> None:
    rules = dict(rule.strip().split(" ", 1) for rule in CONTENT_SECURITY_POLICY.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "http" not in CONTENT_SECURITY_POLICY


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "10.0.0.5", "localhost.evil.example", "127.0.0.1.evil:1", ""]
)
async def test_foreign_hosts_are_refused(api: Api, host: str) -> None:
    async with api.session.get(f"{api.base}/api/v1/state", headers={"Host": host}) as answer:
        assert answer.status in {400, 421}
        if answer.status == 421:
            assert (await answer.json(content_type=None))["code"] == "foreign-host"
            assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]", "[::1]:8080"])
def test_loopback_hosts_are_taken(host: str) -> None:
    assert loopback_host(host)


@given(st.text(max_size=40))
def test_no_other_text_is_a_loopback_host(host: str) -> None:
    assert loopback_host(host) == bool(re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", host.lower()))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_nothing_can_be_changed(api: Api, method: str) -> None:
    async with api.session.request(method, f"{api.base}/api/v1/state") as answer:
        assert answer.status == 403
        assert (await answer.json(content_type=None))["code"] == "cross-site"
    async with api.session.request(
        method, f"{api.base}/api/v1/state", headers={"Sec-Fetch-Site": "same-origin"}
    ) as answer:
        assert answer.status == 405
        assert "GET" in answer.headers["Allow"]
        assert (await answer.json(content_type=None))["code"] == "method-refused"


NAMES = st.sampled_from(["127.0.0.1", "localhost", "nvr.ecole.example", "evil.example", "[::1]"])
PORTS = st.sampled_from(["", ":80", ":443", ":8080", ":8443"])


@given(NAMES, PORTS, st.booleans(), NAMES, PORTS, st.sampled_from(["http", "https", "ftp", ""]))
def test_an_origin_counts_when_it_is_this_very_scheme_host_and_port(
    name: str, port: str, secure: bool, of: str, at: str, scheme: str
) -> None:
    usual = {"http": ":80", "https": ":443"}
    own = "https" if secure else "http"
    same = (scheme, of, at or usual.get(scheme, "")) == (own, name, port or usual[own])
    written = at != usual.get(scheme)  # no browser writes the usual port into an origin
    assert own_change([], [f"{scheme}://{of}{at}"], name + port, secure=secure) == (same and written)


@given(st.lists(st.text(max_size=12), max_size=3), st.text(max_size=20), st.booleans())
def test_who_says_nothing_else_or_too_much_changes_nothing(sites: list[str], host: str, secure: bool) -> None:
    own = f"{'https' if secure else 'http'}://{host.lower()}"
    for origins in ([], ["null"], [""], [own, own], [f"{own}.evil"], [f"{own}/"], [f"{own}@evil"], ["evil"]):
        assert own_change(sites, origins, host, secure=secure) == (sites in (["same-origin"], ["none"]))
    for said in ("cross-site", "same-site", "", "Same-Origin"):
        assert not own_change([said], [own], host, secure=secure), "an origin does not outweigh it"
    assert not own_change(["same-origin", "same-origin"], [own], host, secure=secure)


async def test_a_browser_without_fetch_metadata_is_told_by_its_origin(api: Api) -> None:
    for origin, status in ((api.base, 405), ("null", 403), ("https" + api.base[4:], 403), ("http://127.0.0.1:1", 403)):
        async with api.session.post(f"{api.base}/api/v1/state", headers={"Origin": origin}) as answer:
            assert answer.status == status, origin


@pytest.mark.parametrize(
    "path",
    ["/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/..%2findex.html", "/assets/none.js", "/index.html"],
)
async def test_files_are_served_by_exact_name_only(api: Api, path: str) -> None:
    async with api.session.get(f"{api.base}{path}") as answer:
        assert answer.status == 404
        assert b"<title>page" not in await answer.read()


async def test_a_browser_at_a_wrong_address_gets_the_page_and_a_program_the_problem(api: Api) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    async with api.session.get(f"{api.base}/camera", headers=browser) as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert "<title>page" in await answer.text()
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for path, headers in (("/camera", {"Accept": "*/*"}), ("/api/v1/nothing", browser)):
        async with api.session.get(f"{api.base}{path}", headers=headers) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (404, "no-such-page")


async def test_files_are_compressed_cached_and_checked(api: Api) -> None:
    async with api.session.get(f"{api.base}/assets/a-1234.js", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        assert await answer.text() == "void 0;\n" * 100
        etag = answer.headers["ETag"]
    async with api.session.get(f"{api.base}/assets/a-1234.js", headers={"If-None-Match": etag}) as answer:
        assert answer.status == 304


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "nvr.example", ""])
async def test_the_server_refuses_to_listen_beyond_the_loopback(api: Api, host: str) -> None:
    app = make_app(api.recorder, api.detector, api.folder, api.site, api.book, api.desk)
    with pytest.raises(NotLoopback):
        await serve(app, host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_addresses_are_taken(host: str) -> None:
    check_bind(host)
    assert host


async def test_an_unbuilt_page_says_so(api: Api) -> None:
    app = make_app(api.recorder, api.detector, api.folder / "nothing", api.site, api.book, api.desk)
    runner = await serve(app, "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{runner.addresses[0][1]}/") as answer:
        assert answer.status == 503
        assert "n'est pas construite" in await answer.text()
    await runner.cleanup()
