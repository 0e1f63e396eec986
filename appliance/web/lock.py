"""The viewing lock before the footage routes: who asks, what they have open, and how an alert is followed."""

import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiohttp import web

from appliance.accounts.look import AFTER_US, BEFORE_US
from appliance.accounts.look_store import Entry
from appliance.alerts.errors import DetectorRefused, DetectorUnreachable
from appliance.core.units import US_PER_SECOND
from appliance.web.detector import DETECTOR
from appliance.web.look_book import LookBook, Span
from appliance.web.who import account_of

log = logging.getLogger(__name__)

BOOK: Final = web.AppKey("book", LookBook)

ASK_US: Final = 2 * US_PER_SECOND
"""us between two questions about an alert that is followed: as often as the page asks for new pictures."""

SILENT_US: Final = 30 * US_PER_SECOND
"""us that an alert is followed without news of it: a detector that starts anew is back by then."""


class Reach(NamedTuple):
    """What an alert opens. `to_us` None: it still goes on."""

    cameras: frozenset[str]
    from_us: int
    to_us: int | None


def reach(alert: Mapping[str, Any]) -> Reach:
    """Its cameras, those linked to it too, from before the first sight to after the last. Pure."""
    end = None if alert["closed_us"] is None else int(alert["last_us"]) + AFTER_US
    return Reach(frozenset(alert["cameras"]), int(alert["opened_us"]) - BEFORE_US, end)


async def admit(request: web.Request, span: Span) -> None:
    """Let a stretch leave, which is remembered. Every route that hands out pictures calls it before the first byte.

    Raises LookRefused.
    """
    await _follow(request)
    request.app[BOOK].admit(account_of(request), span, shown=request.method != "HEAD")


async def check(request: web.Request, span: Span) -> None:
    """As `admit`, for what holds no picture by itself: nothing is remembered but a refusal."""
    await _follow(request)
    request.app[BOOK].admit(account_of(request), span, shown=False)


def still(request: web.Request, span: Span) -> None:
    """Before each write of something long: what let it through may be over by now. Raises LookRefused."""
    request.app[BOOK].admit(account_of(request), span, shown=False)


async def _follow(request: web.Request) -> None:
    """Ask how the alerts go that this person follows, if it was long ago."""
    book = request.app[BOOK]
    now = book.clock.utc_us()
    for entry in book.followed(account_of(request).name):
        heard = book.heard_us(entry)
        if 0 <= now - heard < ASK_US:
            continue
        try:
            answer = await request.app[DETECTOR].ask("alert", number=entry.look.given.alert)
        except DetectorRefused:  # deleted with its pictures
            await book.bound(entry.number, entry.look.cameras, heard)
        except DetectorUnreachable as error:
            log.warning("alert %s is followed without news: %s", entry.look.given.alert, error)
            if now - heard >= SILENT_US:
                await book.bound(entry.number, entry.look.cameras, heard)
        else:
            cameras, _, end = reach(answer["alert"])
            await book.bound(entry.number, cameras, end)


def entry_body(entry: Entry, book: LookBook) -> dict[str, Any]:
    """As in the contract's schema Look."""
    look, given = entry.look, entry.look.given
    return {
        "number": entry.number,
        "who": look.who,
        "function": entry.function,
        "reason": given.reason.value,
        "text": given.text,
        "reference": given.number,
        "alert": given.alert,
        "cameras": sorted(look.cameras),
        "from_us": look.from_us,
        "to_us": look.to_us,
        "opened_us": look.opened_us,
        "closed_us": look.closed_us,
        "remaining_us": book.remaining_us(entry),
        "justify_before_us": book.justify_before_us(entry),
        "justified_us": entry.justified_us,
        "justification": entry.justification,
    }
