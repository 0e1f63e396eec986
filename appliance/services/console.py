"""`appliance console`: the screen of the box itself. Reads no key; works while other services are down, and says so.

It also leaves one line for the page that anybody may open, without a name or a picture: is all well, and when was it.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import psutil

from appliance.core.clock import Clock, SystemClock
from appliance.core.errors import ApplianceError, Language
from appliance.ring.access.reader import RecorderClient
from appliance.services.boot import REFUSED, is_past
from appliance.services.console_screen import Facts, drawn, faults_of, render
from appliance.services.process import stop_event
from appliance.site.load import load_site
from appliance.site.model import Site
from appliance.web.certificate import fingerprint_of, served_certificate
from appliance.web.issued import read_certificate
from appliance.web.served import end_fault

LOOK_S: Final = 2.0
"""Seconds between two looks; a technician pulls a cable and waits for the screen."""

WIPE_LOOKS: Final = 15
"""Looks after which the whole screen is drawn anew, wiping what the kernel wrote over it."""

REFUSED_US: Final = 7 * 86_400_000_000
"""us. A refused start is told on the screen for a week; `appliance boot status` tells it for ever."""

PROVISION: Final = Path("/run/appliance/provision/outcome.json")
BOOT: Final = Path("/var/lib/appliance/boot") / REFUSED
TOLD: Final = Path("/run/appliance/console/state.json")


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def addresses_now() -> tuple[tuple[str, str], ...]:
    """IPv4 addresses by interface, without loopback."""
    return tuple(
        (name, address.address)
        for name, found in sorted(psutil.net_if_addrs().items(), reverse=True)
        for address in found
        if address.family.name == "AF_INET" and not address.address.startswith("127.")
    )


def told_lines(provision: dict[str, Any], refused: dict[str, Any], now_us: int, language: Language) -> tuple[str, ...]:
    """What was said at this start, and why an earlier one was refused, as long as that is news: for a week, or until
    that version has run well. Pure.
    """
    lines = [] if provision.get("well", True) else [str(line) for line in provision.get(language, ())]
    why = " ; ".join(str(reason) for reason in refused.get(language, ()))
    if why and not is_past(refused) and now_us - int(refused.get("at_utc_us", 0)) < REFUSED_US:
        first = "Un démarrage précédent a été refusé : " if language == "fr" else "An earlier start was refused: "
        lines.append(first + why)
    return tuple(lines)


@lru_cache(maxsize=1)
def _end_us(pem: str) -> int | None:
    """Read once for each certificate: the screen looks every 2 s."""
    try:
        return read_certificate(pem).until_us
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def certificate_lines(pem: str, now_us: int, language: Language, zone: tzinfo = UTC) -> tuple[str, ...]:
    """That the certificate which the page shows ends soon, or is over. `pem`: "" for none. Blocks once for each."""
    end = _end_us(pem) if pem else None
    fault = None if end is None else end_fault(end, now_us, zone)
    return () if fault is None else (fault[language],)


def recovery_keys(text: str) -> tuple[tuple[str, str], ...]:
    """`LABEL KEY`, a line each; anything else is none."""
    pairs = (line.split() for line in text.splitlines())
    return tuple((pair[0], pair[1]) for pair in pairs if len(pair) == 2)


async def _state(site: Site | None) -> dict[str, Any] | None:
    if site is None:
        return None
    client = RecorderClient(site.recorder.socket)
    try:
        return dict(await client.state())
    except ApplianceError:
        return None
    finally:
        await client.close()


def _site(file: Path) -> Site | None:
    try:
        return load_site(file)
    except ApplianceError:
        return None


def _gather(site: Site | None, state: dict[str, Any] | None, clock: Clock, language: Language) -> Facts:
    page = served_certificate()
    arguments = dict(word.partition("=")[::2] for word in _text(Path("/proc/cmdline")).split())
    granted = os.environ.get("CREDENTIALS_DIRECTORY", "")
    zone: tzinfo = UTC if site is None else site.site.zone
    return Facts(
        site="" if site is None else f"{site.site.name}, {site.site.place}",
        number=_text(Path("/etc/machine-id"))[:12] or "?",
        version=_text(Path("/usr/lib/appliance/version")),
        root_hash=arguments.get("roothash", ""),
        disks=_text(Path("/run/appliance-disks/mode")),
        addresses=addresses_now(),
        fingerprint=fingerprint_of(page) if page else "",
        state=state,
        told=(
            *told_lines(_json(PROVISION), _json(BOOT), clock.utc_us(), language),
            *certificate_lines(page, clock.utc_us(), language, zone),
        ),
        recovery=recovery_keys(_text(Path(granted) / "recovery")) if granted else (),
        now=datetime.fromtimestamp(clock.utc_us() / 1e6, zone),
    )


def _leave_word(facts: Facts, clock: Clock, language: Language, file: Path = TOLD) -> None:
    """For the page without accounts: well or not, and when by the monotonic clock."""
    told = {"well": facts.state is not None and not faults_of(facts, language), "at_us": clock.monotonic_us()}
    draft = file.with_suffix(".new")
    try:
        draft.write_text(json.dumps(told), encoding="ascii")
        draft.replace(file)
    except OSError:
        return  # no such folder: not in the appliance, or its memory is full; the screen goes on


async def _show(file: Path, language: Language, clock: Clock, *, once: bool) -> None:
    stop = stop_event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)
    shown: list[str] = []
    looks = 0
    while not stop.is_set():
        site = await asyncio.to_thread(_site, file)
        facts = await asyncio.to_thread(_gather, site, await _state(site), clock, language)
        lines = render(facts, language)
        await asyncio.to_thread(_leave_word, facts, clock, language)
        if once:
            print("\n".join(lines))
            return
        if lines != shown or looks % WIPE_LOOKS == 0:
            text = drawn(lines, whole=looks % WIPE_LOOKS == 0)
            await asyncio.to_thread(_write, text)
            shown = lines
        looks += 1
        try:
            await asyncio.wait_for(stop.wait(), LOOK_S)
        except TimeoutError:
            continue


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def console(file: Path, language: Language, *, once: bool) -> int:
    """Shows the screen until SIGTERM; `once`: as plain text, then ends."""
    asyncio.run(_show(file, language, SystemClock(), once=once))
    return 0
