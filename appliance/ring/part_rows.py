"""The parts of an open chunk in few objects: a row of bytes each, made into a PartEntry when it is asked for.

64 cameras with two streams have 290 000 parts in their open chunks. As objects they took 107 MB (now 15), and Python's
collector held the recorder for 60 to 100 ms whenever it looked at all of them; as bytes it sees one object a chunk.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, overload

from appliance.media.part import PartEntry

_ROW: Final = struct.Struct("<QIqqIIQIBBBB")
"""The fields of PartEntry in their order, no smaller than a chunk's own table has them (ring/chunk.py)."""


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
        for at, length, utc_us, tfdt, duration, run, sequence, samples, *flags in _ROW.iter_unpack(
            self._data[first * _ROW.size : end * _ROW.size]
        ):
            keyframe, starts_run, cause, clock = flags
            key, start = bool(keyframe), bool(starts_run)
            yield PartEntry(at, length, utc_us, tfdt, duration, run, sequence, samples, key, start, cause, clock)
