"""Debian's Chromium by its DevTools protocol (chromedevtools.github.io/devtools-protocol), through aiohttp alone.

A page collects everything that must not happen: console errors and warnings, exceptions, reports of the content
security policy, failed requests, requests to another host than the loopback or those that the test serves by name.
"""

import asyncio
import base64
import json
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

FLAGS: Final = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--mute-audio",
    "--lang=fr",
    "--remote-debugging-port=0",
)
VIRTUAL: Final = {"Escape": 27, "Enter": 13, "Tab": 9}
"""Keys that the browser itself acts upon are known to it by these numbers."""

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})

START_S: Final = 30.0
CALL_S: Final = 45.0
LARGEST: Final = 64 << 20


class PageError(Exception):
    """Script of the test, or of the page under it, threw."""


@dataclass(slots=True)
class Page:
    """One tab. `troubles` must stay empty."""

    socket: aiohttp.ClientWebSocketResponse
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: list[tuple[str, int, str]] = field(default_factory=list)  # address, status, content security policy
    lost: list[str] = field(default_factory=list)  # requests without an answer: why
    expected: tuple[str, ...] = ()  # texts of troubles that the test provokes itself
    hosts: frozenset[str] = LOOPBACK
    _next: int = 0
    _waiting: dict[int, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol."""
        self._next += 1
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self._next] = future
        await self.socket.send_json({"id": self._next, "method": method, "params": params})
        async with asyncio.timeout(CALL_S):
            return await future

    async def listen(self) -> None:
        """Dispatch answers and events until the tab closes."""
        async for message in self.socket:
            body = json.loads(message.data)
            if "id" in body:
                future = self._waiting.pop(body["id"])
                if future.cancelled():
                    continue
                if "error" in body:
                    future.set_exception(PageError(str(body["error"])))
                else:
                    future.set_result(body["result"])
            else:
                self._event(body["method"], body["params"])

    def _event(self, method: str, params: dict[str, Any]) -> None:
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self._trouble(f"exception: {details['text']} {details.get('exception', {}).get('description', '')}")
        elif method == "Runtime.consoleAPICalled" and params["type"] in {"error", "warning", "assert"}:
            self._trouble(f"console: {[each.get('value', each.get('description')) for each in params['args']]}")
        elif method == "Log.entryAdded" and params["entry"]["level"] in {"error", "warning"}:
            entry = params["entry"]
            self._trouble(f"log: {entry['source']}: {entry['text']} {entry.get('url', '')}")
        elif method == "Audits.issueAdded" and params["issue"]["code"] == "ContentSecurityPolicyIssue":
            self._trouble(f"content security policy: {params['issue']['details']}")
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            self.requests.append(url)
            if urlsplit(url).scheme not in {"blob", "data"} and urlsplit(url).hostname not in self.hosts:
                self._trouble(f"outside request: {url}")
        elif method == "Network.responseReceived":
            answer = params["response"]
            headers = {name.lower(): value for name, value in answer["headers"].items()}
            self.answers.append((answer["url"], answer["status"], headers.get("content-security-policy", "")))
        elif method == "Network.loadingFailed" and not params.get("canceled"):
            self.lost.append(params["errorText"])

    def _trouble(self, text: str) -> None:
        if not any(each in text for each in self.expected):
            self.troubles.append(text)

    async def run(self, script: str) -> Any:
        """Value of an expression (promises are awaited), as JSON."""
        answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    async def open(self, url: str) -> None:
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def until(self, condition: str, seconds: float = 15) -> None:
        """Wait for an expression to be true in the page; its text is the error."""
        script = (
            "new Promise((resolve) => { const end = performance.now() + %d;"
            "const look = () => { let right = false; try { right = Boolean(%s); } catch { right = false; }"
            "if (right || performance.now() > end) resolve(right); else setTimeout(look, 20); }; look(); })"
        )
        for attempt in range(2):  # a navigation under way destroys the first context
            try:
                assert await self.run(script % (seconds * 1000, condition)), f"never true: {condition}"
            except PageError:
                if attempt:
                    raise
            else:
                return

    async def press(self, key: str, code: str = "", modifiers: int = 0) -> None:
        """A key, down and up."""
        text = "\r" if key == "Enter" else key if len(key) == 1 else None
        for kind in ("keyDown", "keyUp"):
            params: dict[str, Any] = {"type": kind, "key": key, "code": code or key, "modifiers": modifiers}
            if text and kind == "keyDown":
                params["text"] = text
            if key in VIRTUAL:
                params["windowsVirtualKeyCode"] = VIRTUAL[key]
            await self.call("Input.dispatchKeyEvent", **params)

    async def text(self, selector: str) -> str:
        found = await self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")
        return str(found)

    async def resize(self, width: int, height: int, scale: float = 1) -> None:
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    async def media(self, scheme: str) -> None:
        await self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    async def screenshot(self, file: Path, *, whole: bool = False) -> bytes:
        answer = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        data = base64.b64decode(answer["data"])
        await asyncio.to_thread(file.write_bytes, data)
        return data


@asynccontextmanager
async def chromium(
    program: str = "chromium", *, hosts: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> AsyncIterator[Page]:
    """One headless browser with an own profile and one tab; gone afterwards, with all its children. `hosts`: names
    that lead to the loopback, here and nowhere else.
    """
    mapped = [f"--host-resolver-rules={','.join(f'MAP {host} 127.0.0.1' for host in hosts)}"] if hosts else []
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            program,
            *FLAGS,
            *mapped,
            f"--user-data-dir={folder}",
            "about:blank",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            # dates as at the site: day first, 24 hours
            env={**os.environ, "LANGUAGE": "fr", "LANG": "fr_FR.UTF-8", **(environment or {})},
            start_new_session=True,
        )
        try:
            port = await _port(Path(folder) / "DevToolsActivePort")
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    tab = next(each for each in await answer.json() if each["type"] == "page")
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=LARGEST) as socket:
                    page = Page(socket, hosts=LOOPBACK | frozenset(hosts))
                    listening = asyncio.create_task(page.listen())
                    for domain in ("Page", "Runtime", "Log", "Network", "Audits"):
                        await page.call(f"{domain}.enable")
                    try:
                        yield page
                    finally:
                        await socket.close()
                        await listening
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _port(file: Path) -> int:
    async with asyncio.timeout(START_S):
        while True:
            text = await asyncio.to_thread(_read, file)
            if text.count("\n"):
                return int(text.splitlines()[0])
            await asyncio.sleep(0.05)


def _read(file: Path) -> str:
    return file.read_text(encoding="ascii") if file.is_file() else ""
