"""Debian's Chromium, driven by Playwright (playwright.dev/python, the driver is playwright-core).

A page collects everything that must not happen: console errors and warnings, exceptions, reports of the content
security policy, failed requests, requests to another host than the loopback or those that the test serves by name.
"""

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import CDPSession, ConsoleMessage, Request, Response, async_playwright
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page as Tab

FLAGS: Final = ("--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--lang=fr", "--window-size=800,600")

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost"})

CALL_S: Final = 45.0

ABORTED: Final = "net::ERR_ABORTED"
"""The page itself, or the next one, gave the request up."""


class PageError(Exception):
    """Script of the test, or of the page under it, threw."""


@dataclass
class Page:
    """One tab. `troubles` must stay empty. `tab`: Playwright's own, for what this class has no word for."""

    tab: Tab
    session: CDPSession
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: list[tuple[str, int, str]] = field(default_factory=list)  # address, status, content security policy
    lost: list[str] = field(default_factory=list)  # requests without an answer: why
    expected: tuple[str, ...] = ()  # texts of troubles that the test provokes itself
    hosts: frozenset[str] = LOOPBACK

    async def listen(self) -> None:
        """From now on everything is heard."""
        self.tab.on("console", self._console)
        self.tab.on("pageerror", lambda error: self._trouble(f"exception: {error}"))
        self.tab.on("request", self._request)
        self.tab.on("response", self._response)
        self.tab.on("requestfailed", self._failed)
        self.session.on("Audits.issueAdded", self._issue)
        await self.call("Audits.enable")

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the DevTools protocol, for what Playwright has no word for."""
        async with asyncio.timeout(CALL_S):
            answer: dict[str, Any] = await self.session.send(method, params)
            return answer

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            self._trouble(f"console: {message.text} {message.location.get('url', '')}")

    def _request(self, request: Request) -> None:
        self.requests.append(request.url)
        if urlsplit(request.url).scheme not in {"blob", "data"} and urlsplit(request.url).hostname not in self.hosts:
            self._trouble(f"outside request: {request.url}")

    def _response(self, answer: Response) -> None:
        self.answers.append((answer.url, answer.status, answer.headers.get("content-security-policy", "")))

    def _failed(self, request: Request) -> None:
        if request.failure != ABORTED:
            self.lost.append(request.failure or "")

    def _issue(self, found: dict[str, Any]) -> None:
        if found["issue"]["code"] == "ContentSecurityPolicyIssue":
            self._trouble(f"content security policy: {found['issue']['details']}")

    def _trouble(self, text: str) -> None:
        if not any(each in text for each in self.expected):
            self.troubles.append(text)

    async def run(self, script: str) -> Any:
        """Value of an expression (promises are awaited), as JSON.

        Not Playwright's `evaluate`: to the browser that one is a hand's gesture, which allows what only people may.
        """
        try:
            answer = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        except PlaywrightError as error:
            raise PageError(error.message) from error
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

    async def press(self, key: str) -> None:
        """A key, down and up."""
        await self.tab.keyboard.press(key)

    async def text(self, selector: str) -> str:
        found = await self.run(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")
        return str(found)

    async def resize(self, width: int, height: int, scale: float = 1) -> None:
        """A window of this size; a narrow one is a telephone's."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    async def media(self, scheme: str) -> None:
        await self.tab.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    async def screenshot(self, file: Path, *, whole: bool = False) -> bytes:
        return await self.tab.screenshot(path=file, full_page=whole)


@asynccontextmanager
async def chromium(
    program: str = "chromium", *, hosts: Sequence[str] = (), environment: Mapping[str, str] | None = None
) -> AsyncIterator[Page]:
    """One headless browser with an own profile and one tab; gone afterwards, with all its children. `hosts`: names
    that lead to the loopback, here and nowhere else.
    """
    mapped = [f"--host-resolver-rules={','.join(f'MAP {host} 127.0.0.1' for host in hosts)}"] if hosts else []
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                folder,
                executable_path=shutil.which(program),  # never a browser of Playwright's own
                args=[*FLAGS, *mapped],
                no_viewport=True,
                # dates as at the site: day first, 24 hours
                env={**os.environ, "LANGUAGE": "fr", "LANG": "fr_FR.UTF-8", **(environment or {})},
            )
            try:
                tab = context.pages[0]
                page = Page(tab, await context.new_cdp_session(tab), hosts=LOOPBACK | frozenset(hosts))
                await page.listen()
                yield page
            finally:
                await context.close()
