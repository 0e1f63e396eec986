"""RTP packets in, coded pictures out: the H.265 depacketiser of RFC 7798, without decoding order numbers.

Packets of one stream come in decoding order (`sprop-max-don-diff` 0, as every camera sends); a description that says
otherwise is refused before (capture.sdp).
"""

from struct import Struct
from typing import Final

from appliance.media.depacketiser import LENGTH_PLACE, MARKER, MAX_UNIT_BYTES, Depacketiser
from appliance.media.hevc import AUD, BEHIND, HEADER_BYTES, IRAP, LEADING, PPS, SPS, VPS

AP: Final = 48
FU: Final = 49
"""Packet types of RFC 7798 section 4.4."""

_FRAGMENT: Final = Struct(">HHHHQHB")
"""An interleaved RTP packet that holds a fragment: '$' and channel, length, V/P/X/CC and M/PT, sequence number,
timestamp and SSRC, payload header and FU header (RFC 2326 section 10.12, RFC 3550 section 5.1, RFC 7798 section
4.4.3)."""

_FU_START: Final = 0x80
_FU_END: Final = 0x40
_TYPE: Final = 0x3F  # of the FU header
_KEPT_BITS: Final = 0x81  # of a unit's first byte: forbidden_zero_bit and the layer's highest bit
_OTHER_LAYER: Final = 63
"""An unspecified type: what a unit of another layer counts as. It is kept, and neither begins nor ends a picture."""


class H265Depacketiser(Depacketiser):
    """RFC 7798."""

    VCL = frozenset(range(32))
    SLICES = VCL
    KEYS = IRAP
    FIRST = frozenset({AUD, VPS, SPS})
    SETS = frozenset({VPS, SPS, PPS})
    DELIMITER = AUD

    __slots__ = ()

    def fragments(self, view: memoryview, pos: int, end: int, channel_word: int) -> int:
        """See Depacketiser."""
        word = self._fragment_word
        if word < 0:
            return pos
        payload_header, fragment = word >> 8, word & 0xFF
        unit, plain, stream, sequence = self._unit, self._plain_word, self._stream_word, self._next_sequence
        unpack, last = _FRAGMENT.unpack_from, end - _FRAGMENT.size
        while pos <= last:
            magic, length, flags, number, source, head, kind = unpack(view, pos)
            stop: int = pos + 4 + length
            if number != sequence or source != stream or magic != channel_word or stop > end or length < 15:
                break
            if kind == fragment and flags == plain and head == payload_header:
                unit += view[pos + 19 : stop]
                sequence = (sequence + 1) & 0xFFFF
                pos = stop
            elif kind == fragment | _FU_END and flags & ~MARKER == plain and head == payload_header:
                unit += view[pos + 19 : stop]
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
        kind = view[start] >> 1 & 0x3F
        if stop - start < HEADER_BYTES or (kind >= AP and stop - start == HEADER_BYTES):
            self._broken()
        elif kind == FU:
            self._fragment(view, start, stop)
        elif self._fu_at >= 0:
            self._broken()
        elif kind < AP:
            self._units_plain(data, view, start, stop)
        elif kind == AP:
            self._aggregate(view, start + HEADER_BYTES, stop)
        # else: PACI and reserved types, which a receiver may ignore (RFC 7798 section 4.4.4)

    def _fragment(self, view: memoryview, start: int, stop: int) -> None:
        """FU (RFC 7798 section 4.4.3). The first fragment's type holds: some cameras change it on the way."""
        header = view[start + HEADER_BYTES]
        body = start + HEADER_BYTES + 1
        kind = header & _TYPE
        if header & _FU_START:
            if self._fu_at >= 0:
                self._broken()
            begins = bool(view[body] & 0x80) if stop > body else not self._vcl
            first = view[start] & _KEPT_BITS | kind << 1
            if not self._unit_begins(_kind_of(first, view[start + 1]), begins_picture=begins):
                return
            self._leading = self._leading or kind in LEADING
            self._fu_at, self._fu_type = len(self._unit), kind
            self._unit += LENGTH_PLACE
            self._unit += bytes((first, view[start + 1]))
            self._stream_word = self._timestamp << 32 | self._ssrc
        elif self._fu_at < 0:
            if not self._skip:
                self._broken()
            self._vcl = self._vcl or kind in self.VCL
            return
        self._unit += view[body:stop]
        self._fragment_word = view[start] << 16 | view[start + 1] << 8 | header & _TYPE
        if header & _FU_END:
            self._close_fragments()

    def _unit_whole(self, view: memoryview, first: int, stop: int) -> None:
        if stop - first < HEADER_BYTES:
            self._broken()
            return
        kind = _kind_of(view[first], view[first + 1])
        begins = stop - first > HEADER_BYTES and view[first + HEADER_BYTES] >= 0x80  # first_slice_segment_in_pic_flag
        self._keep_unit(view, first, stop, kind, begins_picture=begins)
        self._leading = self._leading or kind in LEADING

    def _unit_behind_slice(self, kind: int, *, begins_picture: bool) -> None:
        if kind not in BEHIND:
            super()._unit_behind_slice(kind, begins_picture=begins_picture)


def _kind_of(first: int, second: int) -> int:
    """nal_unit_type of a unit of the base layer by its two header bytes."""
    return _OTHER_LAYER if first & 1 or second >> 3 else first >> 1 & 0x3F
