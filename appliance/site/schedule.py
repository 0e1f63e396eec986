"""May this camera be recorded now, and until when? The calendar's answer, given the judgement on the clock.

**A doubtful clock counts as activity.** A camera that records outside activity only is then not recorded at all,
whatever hour the clock shows and whatever override the site file gives. Of the two mistakes that a wrong clock can
make, one films pupils in a living space during hours (CNIL formal notices of 2019-2020 were for just that, and what
has been filmed cannot be undone), the other misses part of a night. The second is seen at once: the camera is an
alarm of its own until NTP answers or a person confirms the time, which takes a minute. Cameras that record
permanently do not ask the clock.

Pure. Instants are UTC microseconds.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from appliance.core.cause import GapCause
from appliance.core.errors import Language
from appliance.site.calendar import (
    Calendar,
    CameraRule,
    RecordingMode,
    hour_words,
    intervals,
    next_change,
    recording_now,
)

GUARD_US: Final = 2_000_000
"""us before an activity at which its pause begins: what was taken is on disk (tick, flush) before the site opens."""

LOOK_BACK_US: Final = 8 * 86_400_000_000
"""us searched for the beginning of a pause under way: longer than a site is open without closing."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`cause`: NONE when the camera may record, else why not.

    `until_us`: when that changes, None when nobody knows. `since_us` of a pause: when it was due to begin.
    """

    cause: GapCause
    since_us: int
    until_us: int | None

    @property
    def records(self) -> bool:
        """True when pictures may be stored."""
        return self.cause is GapCause.NONE


def decide(rule: CameraRule, calendar: Calendar | None, utc_us: int, zone: ZoneInfo, *, doubtful: bool) -> Decision:
    """What holds at `utc_us`. `doubtful`: UTC is not to be believed."""
    if rule.recording is RecordingMode.PERMANENT:
        return Decision(GapCause.NONE, utc_us, None)
    if doubtful:
        return Decision(GapCause.CLOCK_DOUBTFUL, utc_us, None)
    ahead_us = utc_us + GUARD_US
    now, soon = (recording_now(rule, calendar, at, zone) for at in (utc_us, ahead_us))
    if now and soon:
        change = next_change(rule, calendar, ahead_us, zone)
        return Decision(GapCause.NONE, utc_us, None if change is None else change - GUARD_US)
    inside_us = utc_us if soon else ahead_us
    return Decision(
        GapCause.PLANNED, _began(rule, calendar, inside_us, zone), next_change(rule, calendar, inside_us, zone)
    )


def _began(rule: CameraRule, calendar: Calendar | None, inside_us: int, zone: ZoneInfo) -> int:
    """When the pause that holds `inside_us` was due to begin."""
    cut = intervals(rule, calendar, inside_us - LOOK_BACK_US, inside_us + 1, zone)
    return cut[-1][0] - GUARD_US


def pause_words(decision: Decision, now_us: int, zone: ZoneInfo, language: Language) -> str:
    """A pause in a sentence for page and console: why, and when recording goes on, in the site's time."""
    french = language == "fr"
    if decision.cause is GapCause.CLOCK_DOUBTFUL:
        return (
            "pause par précaution : l'heure est incertaine. Vérifiez et confirmez l'heure de l'enregistreur."
            if french
            else "paused as a precaution: the time is in doubt. Check and confirm the recorder's time."
        )
    if decision.until_us is None:
        return "pause prévue (site ouvert)" if french else "planned pause (site open)"
    when = when_words(decision.until_us, now_us, zone, language)
    return f"pause prévue (site ouvert), reprise {when}" if french else f"planned pause (site open), resumes {when}"


def when_words(utc_us: int, now_us: int, zone: ZoneInfo, language: Language) -> str:
    """`à 18 h 30`, `demain à 8 h`, `le 04/01/2027 à 8 h`: an instant to come, in the site's time, to the minute."""
    then, now = (_local(us, zone) for us in (utc_us, now_us))
    french = language == "fr"
    hour = f"{'à' if french else 'at'} {hour_words(then.hour * 60 + then.minute, language)}"
    if then.date() == now.date():
        return hour
    if then.date() == now.date() + timedelta(days=1):
        return f"{'demain' if french else 'tomorrow'} {hour}"
    return f"{then:le %d/%m/%Y} {hour}" if french else f"{then:on %Y-%m-%d} {hour}"


def _local(utc_us: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=utc_us)).astimezone(zone)
