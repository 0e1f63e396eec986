"""The parts of an open chunk in few objects: a row of bytes each, made into a PartEntry when it is asked for.

64 cameras with two streams have 290 000 parts in their open chunks. As objects they took 107 MB (now 15), and Python's
collector held the recorder for 60 to 100 ms whenever it looked at all of them; as bytes it sees one object a chunk.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, overload

from appliance.core.units import ticks_to_us
from appliance.media.part import PartEntry

_ROW: Final = struct.Struct("<QIqqIIQIBBBB")
"""The fields of PartEntry in their order, no smaller than a chunk's own table has them (ring/chunk.py)."""

_UTC, _DURATION, _RUN, _SEQUENCE, _KEYFRAME = 2, 4, 5, 6, 8
"""Places in a row of what is searched by: making a PartEntry costs ten times the look."""


class PartRows(Sequence[PartEntry]):
    """Appended to, and cut at its end. One thread may append while another reads what was there before.

    Readers work on a copy: a view would keep the writer from appending.
    """

    __slots__ = ("_data",)

    def __init__(self, entries: Iterable[PartEntry] = ()) -> None:
        self._data = bytearray()
        for entry in entries:
            self.append(entry)

    def append(self, entry: PartEntry) -> None:
        """One more, behind the last."""
        e = entry
        # fmt: off
        self._data += _ROW.pack(
            e.offset, e.length, e.utc_us, e.tfdt, e.duration, e.run, e.sequence, e.samples, e.starts_keyframe,
            e.starts_run, e.cause, e.clock_state,
        )
        # fmt: on

    def cut(self, count: int) -> None:
        """Keep the first `count`."""
        del self._data[count * _ROW.size :]

    def head(self, count: int) -> "PartRows":
        """A copy of the first `count`."""
        copy = PartRows()
        copy._data = self._data[: count * _ROW.size]
        return copy

    def overlapping(self, from_us: int, to_us: int, not_before_us: int) -> list[PartEntry]:
        """Parts that overlap [from, to) and do not begin before the last, UTC microseconds."""
        return [
            _entry(row)
            for row in _ROW.iter_unpack(bytes(self._data))
            if not_before_us <= row[_UTC] < to_us and row[_UTC] + ticks_to_us(row[_DURATION]) > from_us
        ]

    def leading_to(self, run: int, sequence: int) -> list[PartEntry]:
        """Parts of `run` before `sequence`, from the last that starts with a keyframe on; all where none does."""
        rows = [row for row in _ROW.iter_unpack(bytes(self._data)) if row[_RUN] == run and row[_SEQUENCE] < sequence]
        first = next((at for at in range(len(rows) - 1, -1, -1) if rows[at][_KEYFRAME]), 0)
        return [_entry(row) for row in rows[first:]]

    def __len__(self) -> int:
        return len(self._data) // _ROW.size

    @overload
    def __getitem__(self, index: int) -> PartEntry: ...

    @overload
    def __getitem__(self, index: slice) -> list[PartEntry]: ...

    def __getitem__(self, index: int | slice) -> PartEntry | list[PartEntry]:
        places = range(len(self))[index]
        if isinstance(places, int):
            return next(self._from(places, places + 1))
        if places.step != 1:
            return [self[place] for place in places]
        return list(self._from(places.start, places.stop))

    def __iter__(self) -> Iterator[PartEntry]:
        return self._from(0, len(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _from(self, first: int, end: int) -> Iterator[PartEntry]:
        for row in _ROW.iter_unpack(self._data[first * _ROW.size : end * _ROW.size]):
            yield _entry(row)


def _entry(row: tuple[int, ...]) -> PartEntry:
    at, length, utc_us, tfdt, duration, run, sequence, samples, keyframe, starts_run, cause, clock = row
    key, start = bool(keyframe), bool(starts_run)
    return PartEntry(at, length, utc_us, tfdt, duration, run, sequence, samples, key, start, cause, clock)
