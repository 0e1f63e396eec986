"""RTP packets in, coded pictures out: what the depacketisers of H.264 and H.265 have in common.

The two codecs are in `media.access_unit` (RFC 6184) and `media.access_unit_h265` (RFC 7798).

The hot path of the recorder: about 360 packets a second for each 4 Mbit/s camera. Payloads are copied once, from
the receive buffer to the picture, and a middle fragment of a large picture costs one header unpack and five
comparisons (`fragments`). Nothing a camera sends raises: what breaks the rules is counted and the picture it
belongs to is dropped and reported as a gap, because a damaged picture stored as whole would be a lie.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final

from appliance.media.input_errors import RtpInvalid
from appliance.media.nal import LENGTH_BYTES, START_CODE, annex_b_ranges
from appliance.media.rtp import HEADER, parse_rtp

MAX_UNIT_BYTES: Final = 8 * 1024 * 1024
"""Bytes. Four times the largest IDR seen (2 MB at 3840 x 2160); above it the sender is broken or hostile."""

FOREIGN_PACKETS: Final = 64
"""Packets of another SSRC in a row before it is taken as the stream's own. A stale session of the same camera
leaks a few (live555); an encoder that restarted sends nothing else."""

MARKER: Final = 0x80
"""M in the second byte of the RTP header, above the payload type (RFC 3550 section 5.1)."""

LENGTH_PLACE: Final = bytes(LENGTH_BYTES)
"""Stands before a fragmented unit until its length is known."""

_PLAIN: Final = 0x80  # version 2 without padding, extension and CSRC
_NO_FRAGMENT: Final = -1

MAX_SETS: Final = 64
"""Parameter sets in one picture. Cameras send two to four; more is an attempt to fill memory."""


@dataclass(slots=True)
class Picture:
    """One access unit as sent. `data`: NAL units behind 4-byte lengths; `timestamp`: RTP, 32 bits.

    `parameter_sets`: the VPS, SPS and PPS it carried in band, in order. `leading`: it follows its keyframe in decoding
    order and is shown before it (H.265 section 3.67), so whoever begins there cannot show it.
    """

    data: bytearray
    timestamp: int
    keyframe: bool
    parameter_sets: tuple[bytes, ...]
    leading: bool = False


class Depacketiser:
    """State of one RTP stream. `on_picture(picture)` and `on_gap(packets lost, at least)` are called in order.

    After a gap nothing is delivered until a picture is known to be whole from its first packet: the next one
    behind an unbroken boundary, or one that begins with an AUD or a parameter set.
    """

    VCL: ClassVar[frozenset[int]]
    """NAL unit types that hold coded pictures."""

    SLICES: ClassVar[frozenset[int]]
    """Of these, the ones that say whether they begin a picture."""

    KEYS: ClassVar[frozenset[int]]
    """Of these, the ones that a decoder may begin with."""

    FIRST: ClassVar[frozenset[int]]
    """Behind a gap, a picture that begins with one of these is taken as whole from its first packet."""

    SETS: ClassVar[frozenset[int]]
    """Parameter sets."""

    DELIMITER: ClassVar[int]
    """The access unit delimiter."""

    __slots__ = (
        "_delivered", "_ends_by_marker", "_foreign", "_fragment_word", "_fu_at", "_fu_type", "_idr", "_initial",
        "_leading", "_next_sequence", "_on_gap", "_on_picture", "_plain_word", "_sets", "_skip", "_ssrc",
        "_stream_word", "_tail", "_tail_sets", "_timestamp", "_unit", "_vcl", "foreign_packets", "malformed",
        "packets_lost", "payload_type",
    )  # fmt: skip

    def __init__(self, payload_type: int, on_picture: Callable[[Picture], None], on_gap: Callable[[int], None]) -> None:
        self.payload_type = payload_type
        self._on_picture = on_picture
        self._on_gap = on_gap
        self._plain_word = 0x8000 | payload_type  # version 2, no padding, extension or CSRC, marker clear
        self._next_sequence = -1
        self._ssrc = -1
        self._foreign = 0
        self._ends_by_marker = True
        self._stream_word = 0
        self._timestamp = -1
        self._skip = True
        self._initial = True  # nothing was taken yet: the first picture may begin with any slice that begins one
        self.malformed = 0
        self.foreign_packets = 0
        self.packets_lost = 0
        self._unit = bytearray()
        self._vcl = False  # a slice of the picture under way is there
        self._idr = False
        self._leading = False
        self._sets: list[bytes] = []
        self._tail = -1  # where units behind the last slice begin that may belong to the next picture
        self._tail_sets = 0
        self._delivered = -1  # timestamp of the last picture delivered
        self._fu_at = -1  # where the open fragmented unit's length stands in _unit
        self._fu_type = 0
        self._fragment_word = _NO_FRAGMENT  # FU indicator and header of its next middle fragment

    @property
    def ssrc(self) -> int:
        """The stream's SSRC, or -1 before the first packet."""
        return self._ssrc

    def fragments(self, view: memoryview, pos: int, end: int, channel_word: int) -> int:
        """Take the middle and last fragments of the open NAL unit that stand, framed, from `pos` on.

        `channel_word` = 0x2400 | channel. Returns the position of the first message that is anything else, is not
        there whole, or is not next in sequence.
        """
        raise NotImplementedError

    def packet(self, data: bytearray, view: memoryview, start: int, end: int) -> None:
        """Take any RTP packet in `data[start:end]`; `view` is a view of the same bytes."""
        payload, stop = start + HEADER.size, end
        if end - start >= HEADER.size and view[start] == _PLAIN:
            _, second, sequence, timestamp, ssrc = HEADER.unpack_from(view, start)
            marker, kind = second >= MARKER, second & 0x7F
        else:
            try:
                marker, kind, sequence, timestamp, ssrc, payload, stop = parse_rtp(view, start, end)
            except RtpInvalid:
                self.malformed += 1
                return
        if kind != self.payload_type or (ssrc != self._ssrc and not self._accept_source(ssrc)):
            self.foreign_packets += 1
            return
        self._foreign = 0
        intact = sequence == self._next_sequence
        if not intact and not self._in_sequence(sequence):
            return
        self._next_sequence = (sequence + 1) & 0xFFFF
        if timestamp != self._timestamp:
            self._boundary(intact=intact)
            self._timestamp = timestamp
        if payload < stop:
            self._payload(data, view, payload, stop)
        if marker:
            self._marked()
        if len(self._unit) > MAX_UNIT_BYTES:
            self._broken()

    def _accept_source(self, ssrc: int) -> bool:
        """The first source is the stream's; another one takes over only after FOREIGN_PACKETS in a row."""
        if self._ssrc >= 0:
            self._foreign += 1
            if self._foreign < FOREIGN_PACKETS:
                return False
            self._damage(0)
        self._ssrc = ssrc
        self._next_sequence = -1
        return True

    def _in_sequence(self, sequence: int) -> bool:
        """Judge a sequence number that is not the next one; False: a repetition, to be dropped."""
        if self._next_sequence < 0:
            return True
        ahead = (sequence - self._next_sequence) & 0xFFFF
        if ahead == 0xFFFF:
            self.foreign_packets += 1  # the last packet once more
            return False
        # TCP never reorders: a number behind is a sender that restarted; how much is missing nobody knows.
        self._damage(ahead if ahead < 0x8000 else 1)
        return True

    def _boundary(self, *, intact: bool) -> None:
        """Another timestamp: what came before it is a whole picture, unless a fragment misses its end.

        Parameter sets and SEI sent under a timestamp of their own stay and belong to the picture that follows.
        """
        if self._fu_at >= 0:
            self._broken()
        elif self._vcl and not self._skip:
            self._deliver()
        if intact and self._skip:
            self._skip = False
            self._clear()

    def _marked(self) -> None:
        """The marker bit ends a picture (RFC 6184 section 5.1), if there is one: some cameras mark their SEI."""
        if self._fu_at >= 0:
            self._close_fragments()
        if not self._vcl or not self._ends_by_marker:
            return
        if self._skip:
            self._skip = False
            self._clear()
        else:
            self._deliver()

    def _payload(self, data: bytearray, view: memoryview, start: int, stop: int) -> None:
        """One packet's payload."""
        raise NotImplementedError

    def _units_plain(self, data: bytearray, view: memoryview, start: int, stop: int) -> None:
        """A packet that is one unit; some cameras put several into it, with start codes between them."""
        if data.find(START_CODE, start, stop) < 0:
            self._unit_whole(view, start, stop)
        else:
            for first, last in annex_b_ranges(data, start, stop):
                self._unit_whole(view, first, last)

    def _unit_whole(self, view: memoryview, first: int, stop: int) -> None:
        """One NAL unit."""
        raise NotImplementedError

    def _aggregate(self, view: memoryview, at: int, stop: int) -> None:
        """Units behind 16-bit sizes: STAP-A (RFC 6184 section 5.7.1), AP (RFC 7798 section 4.4.2).

        One or two bytes behind the last can be none: some cameras fill up to whole words.
        """
        while stop - at > 2:
            first = at + 2
            last = first + int.from_bytes(view[at:first], "big")
            if last > stop:
                self._broken()
                return
            if last > first:
                self._unit_whole(view, first, last)
            at = last

    def _close_fragments(self) -> None:
        """Write the length of the reassembled unit. A fragmented parameter set may hide a byte stream (V380)."""
        first = self._fu_at + LENGTH_BYTES
        self._unit[self._fu_at : first] = (len(self._unit) - first).to_bytes(LENGTH_BYTES, "big")
        at, self._fu_at, self._fragment_word = self._fu_at, -1, _NO_FRAGMENT
        if self._fu_type in self.VCL:
            return
        content = self._unit[first:]
        del self._unit[at:]
        view = memoryview(content)
        for begin, stop in annex_b_ranges(content, 0, len(content)):
            self._unit_whole(view, begin, stop)

    def _keep_unit(self, view: memoryview, first: int, stop: int, kind: int, *, begins_picture: bool) -> None:
        if not self._unit_begins(kind, begins_picture=begins_picture):
            return
        self._unit += (stop - first).to_bytes(LENGTH_BYTES, "big")
        self._unit += view[first:stop]
        if kind in self.SETS:
            self._sets.append(bytes(view[first:stop]))
            if len(self._sets) > MAX_SETS:
                self._broken()

    def _unit_begins(self, kind: int, *, begins_picture: bool) -> bool:
        """A NAL unit begins: end the picture before it if it starts another one. False: it is to be dropped."""
        is_slice = kind in self.SLICES
        if self._skip:
            if kind not in self.FIRST and not (self._initial and (begins_picture or kind not in self.VCL)):
                self._vcl = self._vcl or kind in self.VCL
                return False
            self._skip = self._initial = False
            self._clear()
        elif self._vcl:
            if is_slice and not begins_picture:
                self._tail = -1
            else:
                self._unit_behind_slice(kind, begins_picture=is_slice)
        elif is_slice and not begins_picture:
            if self._timestamp == self._delivered:  # its picture was ended by a marker that only ended a slice
                self._ends_by_marker = False
            self._broken()
            self._vcl = True
            return False
        if kind in self.VCL:
            self._vcl = True
            self._idr = self._idr or kind in self.KEYS
        return True

    def _unit_behind_slice(self, kind: int, *, begins_picture: bool) -> None:
        """Another picture begins with an AUD or with a slice that is a picture's first.

        Parameter sets and SEI behind a slice wait to be told whose they are: by section 7.4.1.2.3 they begin another
        access unit, but GStreamer repeats the sets before each slice of one IDR picture.
        """
        if kind == self.DELIMITER:
            self._deliver()
        elif begins_picture:
            at, sets_at = (self._tail, self._tail_sets) if self._tail >= 0 else (len(self._unit), len(self._sets))
            prefix, sets = self._unit[at:], self._sets[sets_at:]
            del self._unit[at:], self._sets[sets_at:]
            self._deliver()
            self._unit, self._sets = prefix, sets
        elif kind in self.VCL:
            self._tail = -1
        elif self._tail < 0:
            self._tail, self._tail_sets = len(self._unit), len(self._sets)

    def _deliver(self) -> None:
        picture = Picture(self._unit, self._timestamp, self._idr, tuple(self._sets), self._leading)
        self._delivered = self._timestamp
        self._clear()
        self._on_picture(picture)

    def _broken(self) -> None:
        self.malformed += 1
        self._damage(0)

    def _damage(self, lost: int) -> None:
        """Drop the picture under way and all up to the next one known to be whole."""
        if self._skip and not lost:
            self._clear()
            return
        self._clear()
        self._skip = True
        self._initial = False
        self.packets_lost += lost
        self._on_gap(lost)

    def _clear(self) -> None:
        self._unit = bytearray()
        self._vcl = False
        self._idr = False
        self._leading = False
        self._sets = []
        self._tail = -1
        self._fu_at = -1
        self._fu_type = 0
        self._fragment_word = _NO_FRAGMENT
