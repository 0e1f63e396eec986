"""The viewing lock at work: who has what open, what may leave, and the trace of all of it.

An opening is durable in looks.db and entered in the journal before it lets anything through. What leaves is gathered
by stretches: the first of a stream is entered at once, growth every few seconds and at the end. Recording knows
nothing of all this.
"""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from appliance.accounts.look import (
    EDGE_US,
    JUSTIFY_US,
    LASTS_US,
    LONGEST_US,
    TEXT_LEAST,
    TEXT_MOST,
    Fault,
    Given,
    Look,
    Reason,
    Shut,
    fault_of,
    lets,
    overdue,
    remaining_us,
    shut,
)
from appliance.accounts.look_store import Entry, LookStore, Refusal, Seen
from appliance.accounts.roles import Account, may_see
from appliance.core.chain import Facts, Tell
from appliance.core.chain_errors import JournalUnreadable
from appliance.core.clock import Clock
from appliance.core.units import US_PER_SECOND
from appliance.web.look_check import JournalFiles, told_rows
from appliance.web.look_errors import SHUT, LookNotWritten, NoSuchLook, NothingToOpen, NotYours, reason_lacks
from appliance.web.stretches import Stretches

log = logging.getLogger(__name__)

FLUSH_S: Final = 5.0
"""Seconds between two looks at what has left: what a killed process may forget of a stretch that goes on."""

REMEMBERED_US: Final = LASTS_US + 3600 * US_PER_SECOND
"""us that an opening stays in memory: for an hour after its end the refusal says that it is over."""

SAME_REFUSAL_US: Final = 10 * US_PER_SECOND
"""us within which the same refusal to the same person is entered once: a page that tries again is one fact."""

WAITING: Final = 5000
"""Rows that wait for a database that refuses: the journal has them all the same."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch that is asked for. `durable_us`: what is safe on disk of this camera."""

    camera: str
    stream: str
    from_us: int
    to_us: int
    durable_us: int


class LookBook:
    """One of these a page's process; `load` before it serves."""

    def __init__(self, store: LookStore, clock: Clock, tell: Tell, journal: JournalFiles | None = None) -> None:
        """`journal`: what `tell` enters in, to be read again."""
        self.store = store
        self.journal = journal
        self.clock = clock
        self._tell = tell
        self._entries: dict[int, Entry] = {}
        self._seen: dict[tuple[int, str, str], Stretches] = {}
        self._heard: dict[int, int] = {}
        self._refused: dict[tuple[str, str, str], int] = {}
        self._unsaved: list[Seen] = []
        self._refusals: list[Refusal] = []

    async def load(self) -> None:
        """Openings of an earlier life go on. Where the file is new or was put back from a copy, what the journal tells
        beyond it is entered again: what was closed since stays closed, no number is given twice.

        Raises DatabaseUnusable.
        """
        if self.journal is not None and (self.store.database.restored or await self.store.empty()):
            try:
                told = await asyncio.to_thread(told_rows, self.journal, self.clock.utc_us())
                await self.store.put_back(*told)
            except FileNotFoundError:
                pass  # a first start
            except (OSError, JournalUnreadable) as error:  # the journal's page says what is wrong with it
                log.error("looks are not read again from the journal: %s", error)  # noqa: TRY400
        for entry in await self.store.since(self.clock.utc_us() - REMEMBERED_US):
            self._entries[entry.number] = entry

    async def open(
        self, account: Account, given: Given, cameras: Iterable[str], from_us: int, to_us: int | None
    ) -> Entry:
        """Open. `to_us` None: an alert that still goes on. Raises a WebError in words, DatabaseUnusable."""
        fault = fault_of(given)
        if fault is not None:
            raise reason_lacks(fault)
        now = self.clock.utc_us()
        look = _within(account, Look(account.name, given, frozenset(cameras), from_us, to_us, now), now)
        number = await self.store.add(look, account.function)
        entry = Entry(number, account.function, look)
        if not self._told(
            entry, "look-opened", {"text": given.text, "number": given.number, "opened_us": now, **_what(look)}
        ):
            await self.store.drop(number)
            raise LookNotWritten
        self._entries[number] = entry
        return entry

    def current(self, who: str) -> list[Entry]:
        """What this person has open, the newest first."""
        now = self.clock.utc_us()
        found = [each for each in self._of(who) if remaining_us(each.look, now)]
        return sorted(found, key=lambda each: -each.number)

    def unjustified(self, who: str | None = None) -> list[Entry]:
        """Urgent openings that wait for their justification, of one person or of all."""
        found = self._entries.values() if who is None else self._of(who)
        return [each for each in found if each.look.given.reason is Reason.URGENCY and each.justified_us is None]

    def overdue(self) -> list[Entry]:
        """Those whose time is up."""
        now = self.clock.utc_us()
        return [each for each in self.unjustified() if overdue(each.look, justified=False, now_us=now)]

    def followed(self, who: str) -> list[Entry]:
        """Current openings of alerts that still went on when they were last heard of."""
        return [each for each in self.current(who) if each.look.to_us is None]

    def heard_us(self, entry: Entry) -> int:
        """When an alert that is followed was last heard of."""
        return self._heard.get(entry.number, entry.look.opened_us)

    def remaining_us(self, entry: Entry) -> int:
        """Us that an opening still lasts."""
        return remaining_us(entry.look, self.clock.utc_us())

    def justify_before_us(self, entry: Entry) -> int | None:
        """Until when an urgent opening has to be justified; None for the others and once it is."""
        urgent = entry.look.given.reason is Reason.URGENCY and entry.justified_us is None
        return entry.look.opened_us + JUSTIFY_US if urgent else None

    def why_shut(self, account: Account, span: Span) -> Shut | None:
        """Why a stretch may not leave to this person now; nothing is entered."""
        looks = [each.look for each in self._of(account.name)]
        return shut(looks, account, span.camera, (span.from_us, span.to_us), self.clock.utc_us(), span.durable_us)

    def admit(self, account: Account, span: Span, *, shown: bool = True) -> None:
        """Let a stretch leave, and remember that it did when it is `shown`. Raises LookRefused, which is entered."""
        now = self.clock.utc_us()
        why = self.why_shut(account, span)
        if why is not None:
            self.refuse(account, span, SHUT[why].code)
            raise SHUT[why]
        for entry in self.current(account.name) if shown else ():
            if lets(entry.look, account.name, span.camera, (span.from_us, span.to_us), now, span.durable_us):
                self._saw(entry, span)
                return

    def refuse(self, account: Account, span: Span, code: str) -> None:
        """Enter a refusal, the same one not twice in a moment."""
        now, key = self.clock.utc_us(), (account.name, span.camera, code)
        if 0 <= now - self._refused.get(key, -SAME_REFUSAL_US) < SAME_REFUSAL_US:
            return
        self._refused = {name: at for name, at in self._refused.items() if 0 <= now - at < SAME_REFUSAL_US}
        self._refused[key] = now
        refusal = Refusal(now, account.name, account.function, span.camera, span.from_us, span.to_us, code)
        self._tell("look-refused", {name: value for name, value in refusal._asdict().items() if name != "utc_us"})
        self._refusals.append(refusal)

    async def close(self, account: Account, number: int) -> Entry:
        """Its end before its time. Raises NoSuchLook, DatabaseUnusable."""
        entry = self._own(account, number)
        now = self.clock.utc_us()
        if remaining_us(entry.look, now):
            await self.flush()
            await self.store.close(number, now)
            entry = self._entries[number] = replace(entry, look=replace(entry.look, closed_us=now))
            self._told(entry, "look-closed", {"closed_us": now})
        return entry

    async def justify(self, account: Account, number: int, text: str) -> Entry:
        """Why an urgent opening was needed. Raises NoSuchLook, ReasonLacks, DatabaseUnusable."""
        entry = self._own(account, number)
        if not TEXT_LEAST <= len(text.strip()) <= TEXT_MOST:
            raise reason_lacks(Fault.TEXT)
        if entry.look.given.reason is Reason.URGENCY and entry.justified_us is None:
            now = self.clock.utc_us()
            await self.store.justify(number, now, text.strip())
            entry = self._entries[number] = replace(entry, justified_us=now, justification=text.strip())
            self._told(entry, "look-justified", {"text": text.strip()})
        return entry

    async def bound(self, number: int, cameras: Iterable[str], to_us: int | None) -> None:
        """What is known now of an alert that is followed: its cameras, and its end once it has one."""
        entry = self._entries[number]
        self._heard[number] = self.clock.utc_us()
        look = replace(entry.look, cameras=frozenset(cameras) or entry.look.cameras, to_us=to_us)
        if look == entry.look:
            return
        self._entries[number] = entry = replace(entry, look=look)
        self._told(entry, "look-bounded", _what(look))
        await self.store.bound(number, to_us, look.cameras)

    async def flush(self) -> None:
        """Periodic: enter what has left since, forget what is long over. Raises DatabaseUnusable."""
        now = self.clock.utc_us()
        grown = [
            Seen(number, camera, stream, *each)
            for (number, camera, stream), seen in self._seen.items()
            for each in seen.take()
        ]
        for each in grown:
            self._tell_seen(self._entries[each.look], each)
        for entry in [each for each in self._entries.values() if not self._needed(each, now)]:
            del self._entries[entry.number]
            self._heard.pop(entry.number, None)
            self._seen = {key: seen for key, seen in self._seen.items() if key[0] != entry.number}
        self._unsaved = [*self._unsaved, *grown][-WAITING:]
        stretches, refusals = self._unsaved, self._refusals[-WAITING:]
        if stretches or refusals:
            await self.store.left(stretches, refusals)
            self._unsaved = self._unsaved[len(stretches) :]
            self._refusals = self._refusals[len(refusals) :]

    def _needed(self, entry: Entry, now_us: int) -> bool:
        urgent = entry.look.given.reason is Reason.URGENCY and entry.justified_us is None
        return urgent or now_us < entry.look.opened_us + REMEMBERED_US

    def _saw(self, entry: Entry, span: Span) -> None:
        key = (entry.number, span.camera, span.stream)
        first = key not in self._seen
        self._seen.setdefault(key, Stretches()).add(span.from_us, span.to_us)
        if first:  # at once: even a process that is killed now has said what it showed
            self._tell_seen(entry, Seen(*key, span.from_us, span.to_us))

    def _tell_seen(self, entry: Entry, seen: Seen) -> None:
        about: Facts = {"camera": seen.camera, "stream": seen.stream, "from_us": seen.from_us, "to_us": seen.to_us}
        self._told(entry, "look-seen", about)

    def _told(self, entry: Entry, kind: str, facts: Facts) -> bool:
        look = entry.look
        who: Facts = {"look": entry.number, "who": look.who, "function": entry.function}
        return self._tell(kind, {**who, "reason": look.given.reason.value, **facts})

    def _of(self, who: str) -> list[Entry]:
        return [each for each in self._entries.values() if each.look.who == who]

    def _own(self, account: Account, number: int) -> Entry:
        entry = self._entries.get(number)
        if entry is None or entry.look.who != account.name:
            raise NoSuchLook(number=number)
        return entry


def _what(look: Look) -> Facts:
    """What an opening lets through, as facts; no end: an alert that is followed."""
    facts: dict[str, str | int] = {"cameras": ",".join(sorted(look.cameras)), "from_us": look.from_us}
    if look.given.alert is not None:
        facts["alert"] = look.given.alert
    if look.to_us is not None:
        facts["to_us"] = look.to_us
    return facts


def _within(account: Account, look: Look, now_us: int) -> Look:
    """The opening that this person gets: nothing of the future, nothing outside a grant. Raises the refusal."""
    start, end = look.from_us, look.to_us
    if look.given.reason is not Reason.ALERT:
        start, end = start - EDGE_US, min(now_us if end is None else end + EDGE_US, now_us)
    if account.grant is not None:
        start, end = max(start, account.grant.from_us), min(now_us if end is None else end, account.grant.to_us)
    last = now_us if end is None else end
    if not look.cameras or not start < last or last - start > LONGEST_US + 2 * EDGE_US:
        raise NothingToOpen
    if not all(may_see(account, camera, (start, last), now_us) for camera in look.cameras):
        raise NotYours
    return replace(look, from_us=start, to_us=end)
