"""Pauses that the recording calendar asks for, told apart from gaps: nothing is wrong, and it is known when it ends.

Pure functions. All times are UTC microseconds, intervals half open.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from appliance.core.cause import GapCause
from appliance.web.timeline import SLIVER_US, Gap, cause_name, words

Row = tuple[int, int, str]
"""From, to, name of the cause."""

_TODO_CLOCK: Final = (
    "Vérifiez l'heure de l'enregistreur et faites-la confirmer par le technicien.",
    "Check the recorder's time and have the technician confirm it.",
)


def read_pauses(answer: Mapping[str, Any]) -> list[Row]:
    """The pauses of a `spans` answer; an older recorder tells none."""
    return [(int(from_us), int(to_us), cause_name(cause)) for from_us, to_us, cause in answer.get("pauses", ())]


def cut_by_pauses(gaps: Sequence[Gap], pauses: Sequence[Row]) -> list[Gap]:
    """The gaps, cut where a pause begins or ends. `pauses`: in order, disjoint.

    Time before the oldest picture held is cut, too: in a pause there never was one to keep. What is left beside a
    pause and lasts less than SLIVER_US belongs to it: a camera takes its time to be met again.
    """
    found: list[Gap] = []
    for gap in gaps:
        inside = [row for row in pauses if row[0] < gap.to_us and row[1] > gap.from_us]
        at, pieces = gap.from_us, list[Row]()
        for from_us, to_us, cause in inside:
            if from_us - at >= SLIVER_US:
                pieces.append((at, from_us, gap.cause))
                at = from_us
            pieces.append((at, min(to_us, gap.to_us), cause))
            at = pieces[-1][1]
        if not pieces or gap.to_us - at >= SLIVER_US:
            pieces.append((at, gap.to_us, gap.cause))
        else:
            pieces[-1] = (pieces[-1][0], gap.to_us, pieces[-1][2])
        joined: list[Row] = []
        for piece in pieces:
            if joined and joined[-1][2] == piece[2]:
                joined[-1] = (joined[-1][0], piece[1], piece[2])
            else:
                joined.append(piece)
        found += [Gap(*piece, open=gap.open and piece is joined[-1]) for piece in joined]
    return found


def pause_issues(paused: Sequence[tuple[str, str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """What is wrong with pauses under way: (id, name, pause) of each camera. A planned one is as it should be."""
    wrong = [row for row in paused if row[2]["cause"] != GapCause.PLANNED.name]
    if not wrong:
        return []
    cause = str(wrong[0][2]["cause"])
    fr, en = words(cause)
    alone = len(wrong) == 1
    return [
        {
            "code": cause,
            "camera": wrong[0][0] if alone else None,
            "place": "" if alone else ", ".join(name for _, name, _ in wrong),
            "since_us": min(int(pause["from_us"]) for _, _, pause in wrong),
            "fr": f"{wrong[0][1] if alone else f'{len(wrong)} caméras'}\u202f: pas d'enregistrement ({fr})",
            "en": f"{wrong[0][1] if alone else f'{len(wrong)} cameras'}: no recording ({en})",
            "todo_fr": _TODO_CLOCK[0],
            "todo_en": _TODO_CLOCK[1],
        }
    ]
