"""RTP packets in, coded pictures out: the H.264 depacketiser of RFC 6184 (packetization modes 0 and 1)."""

from struct import Struct
from typing import Final

from appliance.media.depacketiser import LENGTH_PLACE, MARKER, MAX_UNIT_BYTES, Depacketiser
from appliance.media.nal import AUD, IDR, PPS, SLICE, SPS, START_CODE

STAP_A: Final = 24
FU_A: Final = 28
"""Packet types of RFC 6184 section 5.2."""

_FRAGMENT: Final = Struct(">HHHHQH")
"""An interleaved RTP packet that holds a fragment: '$' and channel, length, V/P/X/CC and M/PT, sequence number,
timestamp and SSRC, FU indicator and FU header (RFC 2326 section 10.12, RFC 3550 section 5.1, RFC 6184 section 5.8)."""

_FU_END: Final = 0x40  # E of the FU header (RFC 6184 section 5.8)
_IGNORED_TYPES: Final = frozenset({0, 30, 31})
"""Reserved packet types, which a receiver ignores (RFC 6184 section 5.4)."""


class H264Depacketiser(Depacketiser):
    """RFC 6184."""

    VCL = frozenset(range(SLICE, IDR + 1))
    SLICES = frozenset(
        {SLICE, 2, IDR}
    )  # with first_mb_in_slice: slices, data partition A (sections 7.3.2.8, 7.3.2.9.1)
    KEYS = frozenset({IDR})
    FIRST = frozenset({AUD, SPS})
    SETS = frozenset({SPS, PPS})
    DELIMITER = AUD

    __slots__ = ()

    def fragments(self, view: memoryview, pos: int, end: int, channel_word: int) -> int:
        """See Depacketiser."""
        fragment = self._fragment_word
        if fragment < 0:
            return pos
        unit, plain, stream, sequence = self._unit, self._plain_word, self._stream_word, self._next_sequence
        unpack, last = _FRAGMENT.unpack_from, end - _FRAGMENT.size
        while pos <= last:
            magic, length, flags, number, source, head = unpack(view, pos)
            stop: int = pos + 4 + length
            if number != sequence or source != stream or magic != channel_word or stop > end or length < 14:
                break
            if head == fragment and flags == plain:
                unit += view[pos + 18 : stop]
                sequence = (sequence + 1) & 0xFFFF
                pos = stop
            elif head == fragment | _FU_END and flags & ~MARKER == plain:
                unit += view[pos + 18 : stop]
                self._next_sequence = (sequence + 1) & 0xFFFF
                self._close_fragments()
                if flags & MARKER:
                    self._marked()
                return stop
            else:
                break
        self._next_sequence = sequence
        if len(unit) > MAX_UNIT_BYTES:
            self._broken()
        return pos

    def _payload(self, data: bytearray, view: memoryview, start: int, stop: int) -> None:
        kind = view[start] & 0x1F
        if kind == FU_A:
            self._fragment(view, start, stop)
        elif self._fu_at >= 0:
            self._broken()
        elif 1 <= kind < STAP_A or data.find(START_CODE, start, min(stop, start + 4)) >= 0:
            self._units_plain(data, view, start, stop)  # with a start code before it the type seems to be 0
        elif kind == STAP_A:
            self._aggregate(view, start + 1, stop)
        elif kind not in _IGNORED_TYPES:
            self._broken()  # interleaved mode, which was not asked for

    def _fragment(self, view: memoryview, start: int, stop: int) -> None:
        """FU-A (RFC 6184 section 5.8). The first fragment's type holds: some cameras change it on the way."""
        if stop - start < 2:
            self._broken()
            return
        header = view[start + 1]
        kind = header & 0x1F
        if header & 0x80:
            if self._fu_at >= 0:
                self._broken()
            begins = bool(view[start + 2] & 0x80) if stop - start > 2 else not self._vcl
            if not self._unit_begins(kind, begins_picture=begins):
                return
            self._fu_at, self._fu_type = len(self._unit), kind
            self._unit += LENGTH_PLACE
            self._unit.append((view[start] & 0xE0) | kind)
            self._stream_word = self._timestamp << 32 | self._ssrc
        elif self._fu_at < 0:
            if not self._skip:
                self._broken()
            self._vcl = self._vcl or kind in self.VCL
            return
        self._unit += view[start + 2 : stop]
        self._fragment_word = view[start] << 8 | header & 0x3F
        if header & 0x40:
            self._close_fragments()

    def _unit_whole(self, view: memoryview, first: int, stop: int) -> None:
        begins = stop - first > 1 and view[first + 1] >= 0x80  # first_mb_in_slice = 0 is the single bit 1
        self._keep_unit(view, first, stop, view[first] & 0x1F, begins_picture=begins)
