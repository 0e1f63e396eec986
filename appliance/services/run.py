"""`appliance run`: every service as a child process, without systemd: development and demo.

A service that dies is started again and the others do not notice; when this process ends, however it ends,
its children end too.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.core.clock import Clock, SystemClock
from appliance.core.errors import Language
from appliance.services.errors import ServiceStopped
from appliance.services.process import READY, say_ready, start_logs, stop_event
from appliance.site.load import load_credentials, load_site

log = logging.getLogger(__name__)

STOP_S = 10.0
"""Seconds for a service to make its last pictures durable and end; then it is killed."""

RESTART_S = 0.2
"""Seconds before a service that died starts again: pictures are missing meanwhile; FUTILE_STARTS stops a loop."""

LATER_S = 10.0
"""Seconds before a service that the others do without is tried again when it cannot work."""

_OF_MANAGER = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
"""What systemd tells this process is not for its children."""

SHORT_LIFE_US = 5_000_000
FUTILE_STARTS = 3
"""A service that lives under 5 s three times in a row before it was ever ready cannot work: the reason is above."""


@dataclass(slots=True)
class Service:
    """One child process, kept alive."""

    name: str
    arguments: tuple[str, ...]
    clock: Clock
    on_ready: Callable[[str], None]
    essential: bool = True  # False: the others work without it, whatever becomes of it
    process: asyncio.subprocess.Process | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False

    async def keep(self) -> None:
        """Start, wait, start again. Raises ServiceStopped when an essential one never becomes ready."""
        futile = 0
        while True:
            started = self.clock.monotonic_us()
            status = await self._once()
            if self._stop_asked():
                return
            log.error("service %s ended with code %d; starting it again", self.name, status)
            short = self.clock.monotonic_us() - started < SHORT_LIFE_US
            futile = futile + 1 if short and not self.ready.is_set() else 0
            if futile >= FUTILE_STARTS and self.essential:
                raise ServiceStopped(service=self.name, status=status)
            await asyncio.sleep(RESTART_S if futile < FUTILE_STARTS else LATER_S)

    def _stop_asked(self) -> bool:
        return self.stopping

    async def _once(self) -> int:
        environment = {name: value for name, value in os.environ.items() if name not in _OF_MANAGER}
        environment["APPLIANCE_CHILD"] = str(os.getpid())
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "appliance",
            self.name,
            *self.arguments,
            stdout=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches the parent alone, which stops the children in order
        )
        out = self.process.stdout
        assert out is not None
        while line := await out.readline():
            word, _, rest = line.decode("utf-8", "replace").rstrip("\n").partition(" ")
            if word == READY:
                self.ready.set()
                self.on_ready(rest)
        return await self.process.wait()

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL after STOP_S."""
        self.stopping = True
        if self.process is None or self.process.returncode is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await self.process.wait()
        except TimeoutError:
            log.warning("service %s did not stop in %.0f s: killed", self.name, STOP_S)
            self.process.kill()
            await self.process.wait()


async def _run(file: Path, port: int, clock: Clock) -> None:
    site = ("--site", str(file))
    page: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def page_ready(address: str) -> None:
        if not page.done():
            page.set_result(address)

    # the web's port is chosen once: a restart of the service must not move the page
    recorder = Service("recorder", site, clock, lambda _: None)
    web = Service("web", (*site, "--port", str(port)), clock, page_ready)
    detector = Service("detector", site, clock, lambda _: None, essential=False)
    inputs = Service("inputs", site, clock, lambda _: None, essential=False)
    stop = stop_event()
    stopped = asyncio.create_task(stop.wait())
    keepers = [asyncio.create_task(service.keep(), name=service.name) for service in (recorder, web, detector, inputs)]
    started = asyncio.create_task(_ready(recorder, page))
    try:
        done, _ = await asyncio.wait([stopped, *keepers, started], return_when=asyncio.FIRST_COMPLETED)
        if started in done:
            address = page.result()
            web.arguments = (*site, "--port", address.rstrip("/").rpartition(":")[2])
            say_ready(address)
            done, _ = await asyncio.wait([stopped, *keepers], return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        started.cancel()
        stopped.cancel()
        await asyncio.gather(web.stop(), detector.stop(), inputs.stop(), recorder.stop())
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(started, stopped, *keepers, return_exceptions=True)


async def _ready(recorder: Service, page: "asyncio.Future[str]") -> None:
    await recorder.ready.wait()
    await page


def run(file: Path, port: int | None, _language: Language) -> int:
    """Returns 0 after SIGTERM or SIGINT. Raises what a service that cannot start raises, SiteInvalid first."""
    site = load_site(file)
    load_credentials(site)
    start_logs()
    asyncio.run(_run(file, site.web.port if port is None else port, SystemClock()))
    return 0
