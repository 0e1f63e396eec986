"""How unusual an alert is: 0 to 100, with its parts, to order a list. It never hides an alert: a rule that is armed
and fires is an alert whatever it scores.

100 = 40 x weight of the rule + 30 x mean score of what was seen + 20 x rarity + 10 x persistence. Rarity compares
the hour of the week with the four weeks before, from counts alone; a zone without four weeks of past counts as quiet.
"""

from typing import Final

from appliance.alerts.model import Alert, Kind, ScoreParts, Severity

PERSISTENCE_US: Final = 10_000_000
"""Microseconds of activity that give the full points: a person who crosses a yard takes ten seconds."""

WEEKS: Final = 4
"""Weeks of counts that rarity looks back on: a month, the longest that anything may be kept."""

MEDIUM_SCORE: Final = 60
HIGH_SCORE: Final = 80
"""Points from which a passive alert is of medium and of high severity."""


def rarity(active_weeks: int, weeks: int = WEEKS) -> float:
    """1 when this hour of the week saw no activity in the last `weeks`, 0 when it did in each of them."""
    return 1.0 - min(max(active_weeks, 0), weeks) / weeks


def score(alert: Alert) -> ScoreParts:
    """The alert's points as of now."""
    mean = alert.score_sum / max(alert.signals, 1)
    lasted = min(1.0, (alert.last_us - alert.opened_us) / PERSISTENCE_US)
    return ScoreParts(
        round(40 * _share(alert.weight)),
        round(30 * _share(mean)),
        round(20 * _share(alert.rarity)),
        round(10 * _share(lasted)),
    )


def severity(kind: Kind, points: int) -> Severity:
    """Danger to people first; a camera that does not see is a repair, not an emergency."""
    if kind in {Kind.ACTIVE, Kind.FIRE}:
        return Severity.HIGH
    if kind is Kind.TECHNICAL:
        return Severity.LOW if points < MEDIUM_SCORE else Severity.MEDIUM
    if points >= HIGH_SCORE:
        return Severity.HIGH
    return Severity.MEDIUM if points >= MEDIUM_SCORE else Severity.LOW


def _share(value: float) -> float:
    return min(max(value, 0.0), 1.0)
