"""What a lost disk takes with it: hours of each stream's past. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from appliance.core.errors import Language
from appliance.core.units import US_PER_SECOND
from appliance.media.stream import StreamKey

HOUR_US = 3600 * US_PER_SECOND


@dataclass(frozen=True, slots=True)
class Loss:
    """`us` microseconds of a stream, between `from_us` and `to_us` (UTC), were on the disk."""

    key: StreamKey
    us: int
    from_us: int
    to_us: int

    @property
    def hours(self) -> float:
        """In hours, to a tenth."""
        return round(self.us / HOUR_US, 1)


def losses(held: Iterable[tuple[StreamKey, int, int]]) -> list[Loss]:
    """(stream, from, to) of every stretch on the disk, in any order, as one loss a stream; overlaps count once."""
    by_stream: dict[StreamKey, list[tuple[int, int]]] = {}
    for key, from_us, to_us in held:
        by_stream.setdefault(key, []).append((from_us, to_us))
    found: list[Loss] = []
    for key, stretches in sorted(by_stream.items()):
        total, end = 0, -(1 << 62)
        for from_us, to_us in sorted(stretches):
            total += max(0, to_us - max(from_us, end))
            end = max(end, to_us)
        found.append(Loss(key, total, min(start for start, _ in stretches), end))
    return found


def hours_words(us: int, language: Language) -> str:
    """«12,5 h», «40 min», «9 s»: a length as people say it."""
    if us < 60 * US_PER_SECOND:
        return f"{us // US_PER_SECOND} s"
    if us < HOUR_US:
        return f"{us // (60 * US_PER_SECOND)} min"
    text = f"{us / HOUR_US:.1f}".removesuffix(".0")
    return f"{text.replace('.', ',') if language == 'fr' else text} h"
