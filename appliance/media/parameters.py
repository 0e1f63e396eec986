"""The H.264 parameter sets of a stream: where they come from, when they have changed.

Sets come from SDP (`sprop-parameter-sets`, RFC 6184 section 8.1) and in band. The first complete in-band pair
replaces what SDP said: cameras send SDP sets that are absent, cut, in Annex B form or of another profile.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from appliance.media.input_errors import SpsInvalid
from appliance.media.nal import PPS, SPS, split_annex_b
from appliance.media.sps import BitReader, Sps, parse_sps
from appliance.media.stream import CodecParameters

_MAX_PPS_ID = 255

MAX_PPS_BYTES: Final = 1024
"""Bytes. With all scaling lists a PPS stays under 700; longer is not a parameter set."""

MAX_KEPT: Final = 16
"""Sets of each kind that are kept. Cameras send one or two; the sample entry has room for 31 SPS."""


def _pps_id(nal: bytes) -> int:
    """pic_parameter_set_id (section 7.3.2.2); raises SpsInvalid."""
    if len(nal) > MAX_PPS_BYTES:
        raise SpsInvalid(reason=f"a PPS of {len(nal)} bytes")
    return BitReader(nal[1:8]).ue(_MAX_PPS_ID, "pic_parameter_set_id")


def _keep(sets: dict[int, bytes], identifier: int, nal: bytes) -> None:
    if identifier not in sets and len(sets) >= MAX_KEPT:
        raise SpsInvalid(reason=f"more than {MAX_KEPT} sets")
    sets[identifier] = nal


class H264ParameterSets:
    """The sets in force. `offer` takes what a picture carried and says whether a decoder must be told."""

    def __init__(self, described: Iterable[bytes] = ()) -> None:
        self._sps: dict[int, bytes] = {}
        self._pps: dict[int, bytes] = {}
        self._in_band = False
        self._last_offer: Sequence[bytes] = ()
        self._parameters: CodecParameters | None = None
        self.active: Sps | None = None
        self.rejected = 0
        for unit in described:
            for nal in split_annex_b(unit):
                self._take(nal)
        self._refresh()

    @property
    def parameters(self) -> CodecParameters | None:
        """What a decoder needs, or None while a usable SPS or PPS is missing."""
        return self._parameters

    def offer(self, nals: Sequence[bytes]) -> bool:
        """Take the in-band sets of one picture; True when `parameters` is no longer what it was."""
        if nals == self._last_offer:
            return False
        self._last_offer = nals
        before = self._parameters
        fresh = H264ParameterSets(nals) if not self._in_band else None
        if fresh is not None and fresh.parameters is not None:
            self._sps, self._pps, self._in_band = fresh._sps, fresh._pps, True
            self.active, self.rejected = fresh.active, self.rejected + fresh.rejected
        else:
            for nal in nals:
                self._take(nal)
        self._refresh()
        return self._parameters != before

    def _take(self, nal: bytes) -> None:
        nal = nal.rstrip(b"\x00")  # trailing_zero_8bits: framing, not content
        try:
            if nal and nal[0] & 0x1F == SPS:
                sps = parse_sps(nal)
                _keep(self._sps, sps.identifier, nal)
                self.active = sps
            elif nal and nal[0] & 0x1F == PPS:
                _keep(self._pps, _pps_id(nal), nal)
        except SpsInvalid:
            self.rejected += 1

    def _refresh(self) -> None:
        if self.active is None or not self._pps:
            return
        sets = (*(self._sps[key] for key in sorted(self._sps)), *(self._pps[key] for key in sorted(self._pps)))
        active = self.active
        self._parameters = CodecParameters("h264", sets, active.width, active.height, active.rfc6381)
