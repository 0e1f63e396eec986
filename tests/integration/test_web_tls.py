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
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from appliance.core.clock import SystemClock
from appliance.services.web import FIRST
from appliance.web.certificate import fingerprint_of, served_fingerprint
from tests.peers.live import SITE_CAMERA, SITE_HEADER
from tests.peers.need import ROOT, need

ACCOUNT = {"login": "m.durand", "name": "M. Durand", "function": "gestionnaire", "password": "de la main à la main"}

SITE = (
    SITE_HEADER.replace('secrets = "secrets.toml"\n', "")
    + '[detector]\nsocket = "detector.sock"\n[[disk]]\npath = "disk"\n'
    + SITE_CAMERA.format(id="hall", main="rtsp://127.0.0.1:9/", sub="")
)

pytestmark = [pytest.mark.full, pytest.mark.timeout(120)]  # it waits for a recorder that has copies of its databases


def started(folder: Path, port: int) -> "subprocess.Popen[str]":
    (folder / "site.toml").write_text(SITE, encoding="utf-8")
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
        asyncio.run(look_in(port))
    finally:
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0, said
    assert ACCOUNT["password"] not in said


async def look_in(port: int) -> None:
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


async def asked(session: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    async with session.get(f"/api/v1/{path}") as answer:
        found: dict[str, Any] = await answer.json(content_type=None)
        return found
