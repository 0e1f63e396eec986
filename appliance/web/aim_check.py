"""Are the rows of who aimed which camera those that the journal proves? Pure; `look_check` reads the lines."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from appliance.accounts.aim import Aim, End
from appliance.accounts.look import KEPT_US
from appliance.core.chain import Line
from appliance.core.units import US_PER_SECOND

IN_HAND_US: Final = 60 * US_PER_SECOND
"""us that a row and its line may be apart: rows are read before the lines, and aiming goes on in between."""


@dataclass(slots=True)
class ToldAims:
    """What the lines say, by the number of each aiming."""

    aims: dict[int, Aim] = field(default_factory=dict)

    def take(self, line: Line) -> None:
        """One line of the journal, in order; a kind that is not of aiming changes nothing."""
        facts = line.facts
        match line.kind:
            case "aim-opened":
                who, function, camera = (str(facts[name]) for name in ("who", "function", "camera"))
                begun = Aim(who, function, camera, int(facts["opened_us"]), number=int(facts["aim"]))
                self.aims[begun.number] = begun
            case "aim-ended" if (known := self.aims.get(int(facts["aim"]))) is not None:
                end, how, pictures = int(facts["ended_us"]), End(str(facts["how"])), int(facts["pictures"])
                self.aims[known.number] = replace(known, ended_us=end, how=how, pictures=pictures)
            case _:
                pass

    def kept(self, now_us: int) -> list[Aim]:
        """Those that the table still keeps."""
        return [self.aims[number] for number in sorted(self.aims) if self.aims[number].opened_us >= now_us - KEPT_US]

    def differing(self, rows: Iterable[Aim], first_us: int, now_us: int) -> tuple[list[int], list[int]]:
        """Numbers of (rows changed or added, rows taken out). `first_us`: the journal's first line."""
        held = {row.number: row for row in rows}
        changed = [row.number for row in held.values() if row.opened_us >= first_us and not self._proves(row, now_us)]
        gone = (each for each in self.kept(now_us) if each.number not in held)
        return sorted(changed), [each.number for each in gone if not _in_hand(each.opened_us, now_us)]

    def _proves(self, row: Aim, now_us: int) -> bool:
        told = self.aims.get(row.number)
        if told is None:
            return row.ended_us is None and _in_hand(row.opened_us, now_us)
        ending = row.ended_us is None and told.ended_us is not None and _in_hand(told.ended_us, now_us)
        return row == (replace(told, ended_us=None, how=None, pictures=0) if ending else told)


def _in_hand(at_us: int, now_us: int) -> bool:
    return 0 <= now_us - at_us < IN_HAND_US
