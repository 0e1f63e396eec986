"""Are the rows of requests to a second person those that the journal proves? Pure; `look_check` reads the lines."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from appliance.accounts.look import KEPT_US
from appliance.accounts.second import Request
from appliance.core.chain import Line
from appliance.core.units import US_PER_SECOND

IN_HAND_US: Final = 60 * US_PER_SECOND
"""us that a request may be marked done before its line stands: the detector is asked in between."""

BETWEEN: Final = ", "
"""Between two witnesses in a line."""


@dataclass(slots=True)
class ToldRequests:
    """What the lines say, by the number of each request."""

    requests: dict[int, Request] = field(default_factory=dict)

    def take(self, line: Line) -> None:
        """One line of the journal, in order; a kind that is not of requests changes nothing."""
        facts = line.facts
        match line.kind:
            case "second-asked":
                number, why = int(facts["request"]), str(facts["why"])
                cameras = str(facts["cameras"]).split(",")
                what = {"cameras": cameras, "armed": False, "why": why, "until_us": int(facts["until_us"])}
                asked_us = int(facts.get("asked_us", line.stamp.utc_us))
                self.requests[number] = Request(number, str(facts["who"]), str(facts["function"]), what, why, asked_us)
            case "second-done" if (asked := self.requests.get(int(facts["request"]))) is not None:
                self.requests[asked.number] = replace(
                    asked,
                    signer=str(facts["signer"]),
                    witnesses=_names(str(facts["witnesses"])),
                    done_us=int(facts.get("done_us", line.stamp.utc_us)),
                )
            case _:
                pass

    def kept(self, now_us: int) -> list[Request]:
        """Those that the table still keeps."""
        return [self.requests[number] for number in sorted(self.requests) if _kept(self.requests[number], now_us)]

    def differing(self, rows: Iterable[Request], first_us: int, now_us: int) -> tuple[list[int], list[int]]:
        """Numbers of (rows changed or added, rows taken out). `first_us`: the journal's first line."""
        held = {row.number: row for row in rows}
        changed = [row.number for row in held.values() if row.asked_us >= first_us and not self._proves(row, now_us)]
        return sorted(changed), [each.number for each in self.kept(now_us) if each.number not in held]

    def _proves(self, row: Request, now_us: int) -> bool:
        told = self.requests.get(row.number)
        if told is not None and told.done_us is None and row.done_us is not None:
            in_hand = 0 <= now_us - row.done_us < IN_HAND_US
            row = replace(row, signer="", witnesses=(), done_us=None) if in_hand else row
        return told == replace(row, witnesses=_names(BETWEEN.join(row.witnesses)))


def _names(witnesses: str) -> tuple[str, ...]:
    """A name may hold what stands between two: rows are cut in the same way before they are compared."""
    return tuple(witnesses.split(BETWEEN)) if witnesses else ()


def _kept(request: Request, now_us: int) -> bool:
    return request.asked_us >= now_us - KEPT_US
