"""`appliance clock status` and `clock confirm`: the appliance's time in words, and a person's word on it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final

from appliance.core.errors import Language
from appliance.ring.access.reader import RecorderClient
from appliance.site.load import load_site
from appliance.site.model import Site

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def instant(utc_us: int, zone: tzinfo, language: Language) -> str:
    """A date and an hour as a person of the site reads them."""
    local = (_EPOCH + timedelta(microseconds=utc_us)).astimezone(zone)
    return local.strftime("%d/%m/%Y %H:%M:%S" if language == "fr" else "%Y-%m-%d %H:%M:%S")


def sentence(clock: Mapping[str, Any], zone: tzinfo, language: Language) -> tuple[str, bool]:
    """The state of the clock in one line, and whether pictures may be shown by it. Pure."""
    why, since = clock[language], clock["since_utc_us"]
    if clock["state"] == "verified":
        return f"{'heure vérifiée' if language == 'fr' else 'time verified'}. {why}", True
    if language == "fr":
        head = "heure non vérifiée" + ("" if since is None else f" depuis le {instant(since, zone, language)}")
        tail = "" if clock["state"] == "held" else " Les images ne sont pas montrées ; l'enregistrement continue."
    else:
        head = "time not verified" + ("" if since is None else f" since {instant(since, zone, language)}")
        tail = "" if clock["state"] == "held" else " Pictures are not shown; recording goes on."
    return f"{head}. {why}{tail}", clock["state"] == "held"


def show(file: Path, language: Language) -> int:
    """Print the time and its state; 0 when pictures may be shown by it. Raises RecorderUnreachable."""
    return _told(load_site(file), language, confirming=False)


def confirm(file: Path, language: Language) -> int:
    """A person says that the time shown is right. Raises RecorderUnreachable, RecorderRefused."""
    return _told(load_site(file), language, confirming=True)


def _told(site: Site, language: Language, *, confirming: bool) -> int:
    state = asyncio.run(_ask(site, confirming=confirming))
    words, shown = sentence(state["clock"], site.site.zone, language)
    now = instant(state["now_utc_us"], site.site.zone, language)
    print(f"{'✔' if shown else '✖'} {now} ({site.site.timezone}){' :' if language == 'fr' else ':'} {words}")
    return 0 if shown else 1


async def _ask(site: Site, *, confirming: bool) -> dict[str, Any]:
    client = RecorderClient(site.recorder.socket)
    try:
        if confirming:
            await client.confirm_time()
        return dict(await client.state())
    finally:
        await client.close()
