"""The page's service as systemd starts it on an appliance that is set up: port, certificate and first account given."""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.accounts.roles import Role
from appliance.core.clock import SimulatedClock, SystemClock
from appliance.services.certificate import take_over
from appliance.services.web import FIRST
from appliance.web.certificate import fingerprint_of, served_fingerprint
from appliance.web.issued import make_request
from tests.peers.authority import Authority
from tests.peers.live import SITE_CAMERA, SITE_HEADER
from tests.peers.need import ROOT, need
from tests.peers.sign_in import cookie_of, make_staff

ACCOUNT = {"login": "m.durand", "name": "M. Durand", "function": "gestionnaire", "password": "de la main à la main"}

NAME = "temoin.zola.exemple.fr"

SITE = (
    SITE_HEADER.replace('secrets = "secrets.toml"\n', "")
    + '[detector]\nsocket = "detector.sock"\n[[disk]]\npath = "disk"\n'
    + SITE_CAMERA.format(id="hall", main="rtsp://127.0.0.1:9/", sub="")
)

pytestmark = [pytest.mark.full, pytest.mark.timeout(120)]  # it waits for a recorder that has copies of its databases


def started(folder: Path, port: int, more: str = "") -> "subprocess.Popen[str]":
    (folder / "site.toml").write_text(SITE + more, encoding="utf-8")
    (folder / "given").mkdir()
    (folder / "given" / FIRST).write_text(json.dumps(ACCOUNT), encoding="utf-8")
    (folder / "page").mkdir()
    (folder / "page" / "index.html").write_text("<!doctype html><title>Témoin</title>", encoding="utf-8")
    places = {"CREDENTIALS_DIRECTORY": "given", "APPLIANCE_CERTIFICATE": "", "APPLIANCE_STATIC": "page"}
    given = {name: str(folder / place) for name, place in places.items()}
    with socket.create_server(("127.0.0.1", 0)) as free:
        plain = free.getsockname()[1]
    command = [sys.executable, "-m", "appliance", "web", "--site", str(folder / "site.toml"), "--port", str(plain)]
    words = [f"--setenv={name}={value}" for name, value in given.items()]
    return subprocess.Popen(
        ["systemd-socket-activate", "-l", f"127.0.0.1:{port}", *words, *command],
        cwd=ROOT, env=os.environ | given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_the_first_manager_logs_in_by_tls_and_may_do_nothing_before_all_is_set(tmp_path: Path) -> None:
    need("systemd-socket-activate")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = started(tmp_path, port)
    try:
        clock = SystemClock()
        end = clock.monotonic_us() + 90_000_000
        seen = ""
        while not seen and clock.monotonic_us() < end and process.poll() is None:
            seen = served_fingerprint(("127.0.0.1", port))
        assert seen
        assert seen == fingerprint_of((tmp_path / "server.pem").read_text(encoding="ascii"))
        cookie = asyncio.run(look_in(port))
        issued = installed(tmp_path, port)
        assert served_fingerprint(("127.0.0.1", port)) == issued != seen
        asyncio.run(still_in(port, cookie, tmp_path / "authority" / "root.pem"))
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert ACCOUNT["password"] not in said


def test_a_technician_asks_for_a_certificate_over_the_api_installs_it_and_gets_it(tmp_path: Path) -> None:
    need("systemd-socket-activate")
    clock = SystemClock()
    cookie = asyncio.run(technician(tmp_path, clock))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    authority = Authority(tmp_path / "authority")
    (tmp_path / "ca.pem").write_text(authority.root.read_text(encoding="ascii"), encoding="ascii")
    process = started(tmp_path, port, f'[web]\nname = "{NAME}"\n')
    try:
        end, before = clock.monotonic_us() + 90_000_000, ""
        while not before and clock.monotonic_us() < end and process.poll() is None:
            before = served_fingerprint(("127.0.0.1", port))
        fingerprint = asyncio.run(asked_and_installed(port, cookie, authority))
        assert served_fingerprint(("127.0.0.1", port)) == fingerprint != before
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0, said
    entered = (tmp_path / "journal" / "web-000000000001.log").read_text(encoding="utf-8")
    kinds = re.findall(r'"(certificate-[a-z]+)"', entered)
    assert kinds == ["certificate-asked", "certificate-served", "certificate-installed"]


async def technician(folder: Path, clock: SystemClock) -> dict[str, str]:
    """People in the page's own list before it starts, and a technician's session."""
    desk = await make_staff(folder, clock)
    cookie = await cookie_of(desk, Role.TECHNICIAN)
    await desk.close()
    return cookie


async def asked_and_installed(port: int, cookie: dict[str, str], authority: Authority) -> str:
    """The fingerprint of what was installed."""
    context = await asyncio.to_thread(ssl.create_default_context)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Sec-Fetch-Site": "same-origin", **cookie}
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(f"https://127.0.0.1:{port}", headers=headers, connector=connector) as session:
        async with session.post("/api/v1/certificate/request", json={}) as answer:
            assert answer.status == 201, await answer.text()
            request = (await answer.json())["request"]
        pem = await asyncio.to_thread(authority.sign, request, NAME) + authority.pem
        async with session.post("/api/v1/certificate", json={"given": "rendu.pem", "pem": pem}) as answer:
            assert answer.status == 200, await answer.text()
            told = await answer.json()
    assert (told["name"], told["certificate"]["names"], told["certificate"]["own"]) == (NAME, [NAME], False)
    return str(told["certificate"]["fingerprint"])


def installed(folder: Path, port: int) -> str:
    """The authority's certificate, taken over while the page serves; its fingerprint."""
    authority = Authority(folder / "authority")
    given = authority.sign(make_request(folder, NAME), NAME) + authority.pem
    clock, see = SimulatedClock(SystemClock().utc_us() + 60_000_000), partial(served_fingerprint, ("127.0.0.1", port))

    def pause(seconds: float) -> None:
        clock.advance(seconds)
        time.sleep(seconds)

    fingerprint, served = take_over(folder, given, NAME, authority.root, "rendu.pem", clock, see, pause)
    assert served
    return fingerprint


async def still_in(port: int, cookie: str, authority: Path) -> None:
    """Who was logged in is so, over a connection that trusts the authority and asks for the name."""
    context = await asyncio.to_thread(partial(ssl.create_default_context, cafile=str(authority)))
    headers = {"Cookie": cookie}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"https://127.0.0.1:{port}/api/v1/session", ssl=context, server_hostname=NAME) as answer,
    ):
        assert answer.status == 200
        assert (await answer.json())["who"] == "M. Durand"


async def look_in(port: int) -> str:
    """The cookie of the first manager's session."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # what vouches is the fingerprint
    headers = {"Host": "10.0.3.15", "Sec-Fetch-Site": "same-origin"}
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(f"https://127.0.0.1:{port}", headers=headers, connector=connector) as session:
        async with session.get("/") as page:
            assert page.status == 200
            assert "require-trusted-types-for 'script'" in page.headers["Content-Security-Policy"]
        assert (await asked(session, "state"))["code"] == "not-logged-in"
        word: dict[str, Any] = {"name": ACCOUNT["login"], "password": ACCOUNT["password"]}
        async with session.post("/api/v1/session", json={**word, "password": "un autre mot de passe"}) as answer:
            assert answer.status == 401
        async with session.post("/api/v1/session", json=word) as answer:
            assert answer.status == 200
            told = await answer.json()
            cookie = answer.headers["Set-Cookie"]
        assert (told["who"], told["role"], told["must"]) == ("M. Durand", "manager", ["password", "second-factor"])
        assert cookie.startswith("__Host-sid=")
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= {each.strip() for each in cookie.split(";")}
        session.headers["Cookie"] = cookie.split(";")[0]
        assert (await asked(session, "state"))["code"] == "set-up-first"
        by_address = (await asked(session, "session/keys"))["why_not"]["fr"]
        (name,) = re.findall(r"https://(temoin-[^/]+)/", by_address)
        session.headers["Host"] = name
        assert (await asked(session, "session/keys"))["why_not"] is None, "the name of the certificate"
        return session.headers["Cookie"]


async def asked(session: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with session.get(f"/api/v1/{path}") as answer:
        found: dict[str, Any] = await answer.json(content_type=None)
        return found
