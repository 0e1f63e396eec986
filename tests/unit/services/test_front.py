"""The page without pictures, over real TLS: what it shows, what it refuses, and the certificate behind it."""

import asyncio
import socket
import stat
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from appliance.core.clock import SimulatedClock
from appliance.services.front import STALE_US, make_front, page_text, well_of
from appliance.web.certificate import (
    ensure_certificate,
    fingerprint_of,
    hex_lines,
    in_words,
    served_fingerprint,
    server_context,
)
from appliance.web.errors import CertificateNotMade


def test_words_are_proquints_of_the_first_64_bits() -> None:
    assert in_words("7f000001" + "3f54dcc1" + "0" * 48) == "lusab babad gutih tugad"  # examples of the proposal
    assert in_words("0" * 64) == "babab babab babab babab"


def test_a_certificate_is_made_once_and_is_its_owners_and_their_groups_alone(tmp_path: Path) -> None:
    file = ensure_certificate(tmp_path, "temoin-1")
    made = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert ensure_certificate(tmp_path, "temoin-1").read_bytes() == made
    assert [path.name for path in tmp_path.iterdir()] == ["server.pem"], "no key is left beside"
    assert len(hex_lines(fingerprint_of(made.decode()))) == 2


def test_a_certificate_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateNotMade):
        ensure_certificate(tmp_path, "temoin-1")
    assert not list(tmp_path.iterdir())


def test_an_old_or_broken_line_tells_nothing() -> None:
    assert well_of('{"well": true, "at_us": 5}', 6) is True
    assert well_of('{"well": false, "at_us": 5}', 6) is False
    for line, now in (('{"well": true, "at_us": 5}', STALE_US + 6), ('{"well": true, "at_us": 5}', 4)):
        assert well_of(line, now) is None, "another start's, or nobody draws any more"
    assert [well_of(line, 6) for line in ("", "[]", "{}", '{"well": true, "at_us": "x"}')] == [None] * 4


def test_the_page_says_the_state_and_escapes_what_it_is_given() -> None:
    assert "tout est en ordre" in page_text("1", "2", "0" * 64, well=True)
    assert "un défaut" in page_text("1", "2", "0" * 64, well=False)
    assert "<script" not in page_text("<script>", "2", "0" * 64, well=None)


async def test_served_over_tls_with_the_fingerprint_it_shows_and_nothing_else(tmp_path: Path) -> None:
    pem = await asyncio.to_thread(ensure_certificate, tmp_path, "temoin-1")
    fingerprint = fingerprint_of(await asyncio.to_thread(pem.read_text))
    runner = web.AppRunner(make_front(fingerprint, "abc", "1.0", tmp_path / "none.json", SimulatedClock()))
    await runner.setup()
    port = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, port, ssl_context=server_context(pem)).start()
    address = port.getsockname()
    pinned = aiohttp.Fingerprint(bytes.fromhex(fingerprint))
    async with aiohttp.ClientSession(f"https://127.0.0.1:{address[1]}") as client:
        async with client.get("/", ssl=pinned) as answer:
            page = await answer.text()
            assert answer.status == 200
            assert in_words(fingerprint) in page
            assert "inconnu pour le moment" in page
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        for path in ("/api/state", "/index.html", "/../etc/passwd", "/%2e%2e/x"):
            async with client.get(path, ssl=pinned) as answer:
                assert answer.status == 404
                assert "Content-Security-Policy" in answer.headers
        async with client.post("/", ssl=pinned, data=b"x" * 100_000) as answer:
            assert answer.status == 405
    assert await asyncio.to_thread(served_fingerprint, address) == fingerprint
    await runner.cleanup()
    assert await asyncio.to_thread(served_fingerprint, address) == ""
