"""The process that asks cameras by ONVIF: the camera network alone, no key, no password of its own, no video.

Nothing depends on it. Passwords come with a request and go with it.
"""

import asyncio
import os
from pathlib import Path

from appliance import __version__
from appliance.core.clock import Clock, SystemClock
from appliance.core.supervise import Supervisor
from appliance.inputs.server import InputsServer, Network
from appliance.services.journal import INPUTS, begin, end, make_journal, telling
from appliance.services.process import die_with_parent, say_ready, say_stopping, start_logs, stop_event
from appliance.services.watchdog import keep_watchdog
from appliance.site.load import load_site
from appliance.site.model import Site


async def _serve(site: Site, clock: Clock) -> None:
    stop = stop_event()
    journal = make_journal(site, INPUTS, clock)
    tell = telling(journal)
    server = InputsServer(Network(site.inputs.interface), clock, site.authority, tell)
    await server.start(site.inputs.socket)
    tell("service-started", {"version": __version__, "pid": os.getpid()})
    await begin(journal)
    jobs = Supervisor(clock)
    keep_watchdog(jobs)
    say_ready("inputs")
    await stop.wait()
    say_stopping()
    await jobs.close()
    await server.close()
    tell("service-stopped", {"version": __version__})
    await end(journal)


def main(file: Path) -> int:
    """`appliance inputs`: returns 0 after SIGTERM or SIGINT. Raises SocketUnusable."""
    die_with_parent()
    start_logs()
    site = load_site(file)
    asyncio.run(_serve(site, SystemClock()))
    return 0
