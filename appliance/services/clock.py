"""Keeps the clock judgement (core/judgement.py) up to date: when it is asked, what is saved, what it says now."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final

from appliance.core.chain import Tell, untold
from appliance.core.clock import Clock
from appliance.core.clock_reason import NO_SOURCE, STEPPED, Reason
from appliance.core.errors import ApplianceError
from appliance.core.judgement import AGREE_US, Evidence, Judgement, Record, Stamp, State, judge
from appliance.core.timesource import RecordNotSaved, TimeSource, load_record, save_record, stamp_of
from appliance.ring.dating.clock_gate import ClockDoubtful
from appliance.ring.dating.evidence import ask

log = logging.getLogger(__name__)

JUDGE_S: Final = 10.0
"""Seconds between judgements: a lost or found network shows at once, and a step is seen without waiting for it."""

SAVE_US: Final = 60_000_000
"""Microseconds between savings of the record; a change of state is saved at once."""

ASK_S: Final = 3.0
"""Seconds a disk may take to show its heartbeat; one that is stuck is no witness."""

RECORD_FILE: Final = "clock.record"


class ClockKeeper:
    """One of these a recorder; lives in its event loop. `open` before anything is recorded or served.

    `former`: the last trusted instant of an earlier boot, as it was saved; None when there is none.
    """

    def __init__(
        self,
        clock: Clock,
        folder: Path,
        disks: Iterable[Path] = (),
        *,
        source: TimeSource | None = None,
        tell: Tell = untold,
    ) -> None:
        """`folder`: where the record is kept, on the system disk; `disks`: paths whose heartbeats are witnesses."""
        self._clock = clock
        self._path = folder / RECORD_FILE
        self._disks = list(disks)
        self._source = source or TimeSource(clock)
        self._tell = tell
        self._record: Record | None = None
        self._evidence: tuple[Evidence, ...] = ()
        self._confirmed: Stamp | None = None
        self._judgement: Judgement | None = None
        self._judged: Stamp | None = None
        self._saved_us: int | None = None
        self._save_failed = False
        self._turn = asyncio.Lock()
        self.former: Stamp | None = None
        self.on_change: list[Callable[[Judgement], Awaitable[None]]] = []

    async def open(self) -> None:
        """Read the record and ask the disks, then judge for the first time."""
        self._record = await asyncio.to_thread(load_record, self._path)
        anchor = self._record.anchor if self._record is not None else None
        if anchor is not None and anchor.boot_id != self._clock.boot_id:
            self.former = anchor
        found = await asyncio.gather(*(_asked(path) for path in self._disks))
        self._evidence = tuple(evidence for evidence in found if evidence is not None)
        try:
            await self.judge()
        except RecordNotSaved as error:  # the periodic job tries again and shows it as its fault
            log.error("%s", error)  # noqa: TRY400 - the sentence says all

    def hear(self, evidence: Evidence) -> None:
        """Another witness: a disk that came while the recorder runs."""
        self._evidence += (evidence,)

    async def judge(self) -> None:
        """Periodic work: ask every source and judge; save the record when it is time.

        Raises RecordNotSaved: the judgement stands all the same.
        """
        async with self._turn:
            before = self._judgement
            facts = await asyncio.to_thread(self._source.facts, self._record, self._evidence, self._confirmed)
            seen = judge(facts)
            self._record, self._judgement, self._judged = seen.record, seen, facts.now
            changed = before is None or (seen.state, seen.reason) != (before.state, before.reason)
            if changed:
                level = logging.WARNING if seen.state is State.DOUBTFUL else logging.INFO
                log.log(level, "clock %s: %s", seen.state.name.lower(), seen.reason.sentence("en"))
                self._tell("clock-judged", {"state": seen.state.name.lower(), "reason": seen.reason.code})
                for listener in self.on_change:
                    await listener(seen)
            now_us = facts.now.monotonic_us
            if changed or self._save_failed or self._saved_us is None or now_us - self._saved_us >= SAVE_US:
                await self._save(seen.record, now_us)

    async def _save(self, record: Record, now_us: int) -> None:
        try:
            await asyncio.to_thread(save_record, self._path, record)
        except RecordNotSaved:
            self._save_failed = True
            raise
        self._save_failed, self._saved_us = False, now_us

    async def confirm(self, uid: int) -> dict[str, object]:
        """A person said that the time shown is right. Returns the status that came of it. Raises RecordNotSaved.

        `uid`: the user of whoever said so.
        """
        self._confirmed = stamp_of(self._clock)
        self._tell("time-confirmed", {"utc_us": self._confirmed.utc_us, "uid": uid})
        await self.judge()
        return self.status()

    # what it says now: never blocks, asked for each run, heartbeat and request

    def state(self) -> int:
        """The judgement as a part carries it (ClockState). A step since the last judgement is doubt at once."""
        return int(State.DOUBTFUL if self._stepped() else self._judgement.state if self._judgement else State.DOUBTFUL)

    def word(self) -> str:
        """The same in a word, for journals."""
        return State(self.state()).name.lower()

    def reason(self) -> Reason:
        """Why."""
        if self._judgement is None:
            return NO_SOURCE
        return STEPPED if self._stepped() else self._judgement.reason

    def refusal(self) -> ApplianceError | None:
        """Why pictures may not be shown now, None when they may."""
        if self.state() != State.DOUBTFUL:
            return None
        reason = self.reason()
        return ClockDoubtful(why_fr=reason.fr, why_en=reason.en)

    def expiry_now_us(self) -> int | None:
        """The clock of expiry by age; None while nothing may be destroyed by its age."""
        judgement, judged = self._judgement, self._judged
        if judgement is None or judged is None or judgement.expiry_now_us is None or self._stepped():
            return None
        return judgement.expiry_now_us + self._clock.monotonic_us() - judged.monotonic_us

    def shown_now_us(self) -> int | None:
        """The clock by which expired pictures are hidden. One that a person confirmed against other witnesses may
        hide, which can be undone, and not destroy.
        """
        now_us = self.expiry_now_us()
        return now_us if now_us is not None or self.state() == State.DOUBTFUL else self._clock.utc_us()

    @property
    def elapsed_confirmed(self) -> bool:
        """More than the clocks says that the time since the last run has gone by."""
        return self._judgement is not None and self._judgement.elapsed_confirmed

    def anchor(self) -> Stamp | None:
        """A trusted instant of this boot; None while the clock is doubtful."""
        anchor = self._record.anchor if self._record is not None else None
        if anchor is None or anchor.boot_id != self._clock.boot_id or self.state() == State.DOUBTFUL:
            return None
        return anchor

    def status(self) -> dict[str, object]:
        """Plain values for the socket's `state`. `since_utc_us`: since when nobody has verified the time."""
        reason, judgement = self.reason(), self._judgement
        since = judgement.unverified_since_utc_us if judgement else None
        if since is None and self._record is not None and self.state() != State.VERIFIED:
            since = self._record.verified_us
        return {
            "state": self.word(),
            "reason": reason.code,
            "fr": reason.fr,
            "en": reason.en,
            "since_utc_us": since,
            "expires": self.expiry_now_us() is not None,
        }

    def _stepped(self) -> bool:
        """UTC has left the clock that the last judgement trusted."""
        anchor = self._record.anchor if self._record is not None else None
        if anchor is None or anchor.boot_id != self._clock.boot_id:
            return False
        return abs(anchor.at(self._clock.monotonic_us()) - self._clock.utc_us()) > AGREE_US


async def _asked(path: Path) -> Evidence | None:
    try:
        async with asyncio.timeout(ASK_S):
            return await asyncio.to_thread(ask, path)
    except TimeoutError:
        log.warning("disk %s does not show its heartbeat: no witness of the time", path)
        return None
