"""The parameter sets of a stream: where they come from, when they have changed.

Sets come from SDP (`sprop-parameter-sets`, RFC 6184 section 8.1; `sprop-vps` and its like, RFC 7798 section 7.1) and
in band. The first complete in-band pair
replaces what SDP said: cameras send SDP sets that are absent, cut, in Annex B form or of another profile.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Final, Protocol, Self

from appliance.media import hevc
from appliance.media.hevc import HevcSps
from appliance.media.input_errors import SpsInvalid
from appliance.media.nal import PPS, SPS, split_annex_b
from appliance.media.sps import BitReader, Sps, parse_sps
from appliance.media.stream import Codec, CodecParameters

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


class ActiveSps(Protocol):
    """What the timeline asks of a stream's SPS. Units: media.sps.Sps."""

    @property
    def max_reorder_frames(self) -> int | None: ...

    @property
    def frame_ticks(self) -> int | None: ...


class ParameterSets(ABC):
    """The sets in force. `offer` takes what a picture carried and says whether a decoder must be told."""

    def __init__(self, described: Iterable[bytes] = ()) -> None:
        self._kept: dict[int, dict[int, bytes]] = {}  # NAL unit type -> identifier -> set
        self._in_band = False
        self._last_offer: Sequence[bytes] = ()
        self._parameters: CodecParameters | None = None
        self.rejected = 0
        for unit in described:
            for nal in split_annex_b(unit):
                self._offered(nal)
        self._refresh()

    @property
    @abstractmethod
    def active(self) -> ActiveSps | None:
        """The SPS that came last."""

    @property
    def parameters(self) -> CodecParameters | None:
        """What a decoder needs, or None while a usable set is missing."""
        return self._parameters

    def offer(self, nals: Sequence[bytes]) -> bool:
        """Take the in-band sets of one picture; True when `parameters` is no longer what it was."""
        if nals == self._last_offer:
            return False
        self._last_offer = nals
        before = self._parameters
        fresh = type(self)(nals) if not self._in_band else None
        if fresh is not None and fresh.parameters is not None:
            self._kept, self._in_band = fresh._kept, True
            self._activate(fresh)
            self.rejected += fresh.rejected
        else:
            for nal in nals:
                self._offered(nal)
        self._refresh()
        return self._parameters != before

    def _offered(self, nal: bytes) -> None:
        nal = nal.rstrip(b"\x00")  # trailing_zero_8bits: framing, not content
        try:
            if nal:
                self._take(nal)
        except SpsInvalid:
            self.rejected += 1

    def _keep(self, kind: int, identifier: int, nal: bytes) -> None:
        sets = self._kept.setdefault(kind, {})
        if identifier not in sets and len(sets) >= MAX_KEPT:
            raise SpsInvalid(reason=f"more than {MAX_KEPT} sets")
        sets[identifier] = nal

    def _in_order(self, *kinds: int) -> tuple[bytes, ...] | None:
        """All sets, by type and identifier; None while a type is missing."""
        if not all(self._kept.get(kind) for kind in kinds):
            return None
        return tuple(nal for kind in kinds for _, nal in sorted(self._kept[kind].items()))

    @abstractmethod
    def _activate(self, other: Self) -> None:
        """Let another one's SPS be the active one."""

    @abstractmethod
    def _take(self, nal: bytes) -> None:
        """Keep a set; raises SpsInvalid."""

    @abstractmethod
    def _refresh(self) -> None:
        """Make `parameters` of what is kept."""


class H264ParameterSets(ParameterSets):
    """SPS and PPS."""

    def __init__(self, described: Iterable[bytes] = ()) -> None:
        self._active: Sps | None = None
        super().__init__(described)

    @property
    def active(self) -> Sps | None:
        """See ParameterSets."""
        return self._active

    def _activate(self, other: Self) -> None:
        self._active = other._active

    def _take(self, nal: bytes) -> None:
        kind = nal[0] & 0x1F
        if kind == SPS:
            sps = parse_sps(nal)
            self._keep(SPS, sps.identifier, nal)
            self._active = sps
        elif kind == PPS:
            self._keep(PPS, _pps_id(nal), nal)

    def _refresh(self) -> None:
        active, sets = self._active, self._in_order(SPS, PPS)
        if active is not None and sets is not None:
            self._parameters = CodecParameters("h264", sets, active.width, active.height, active.rfc6381)


class H265ParameterSets(ParameterSets):
    """VPS, SPS and PPS of the base layer; those of other layers stay in the pictures."""

    def __init__(self, described: Iterable[bytes] = ()) -> None:
        self._active: HevcSps | None = None
        super().__init__(described)

    @property
    def active(self) -> HevcSps | None:
        """See ParameterSets."""
        return self._active

    def _activate(self, other: Self) -> None:
        self._active = other._active

    def _take(self, nal: bytes) -> None:
        kind = hevc.nal_type(nal)
        if kind not in {hevc.VPS, hevc.SPS, hevc.PPS} or hevc.layer(nal):
            return
        if kind == hevc.SPS:
            sps = hevc.parse_sps(nal)
            self._keep(kind, sps.identifier, nal)
            self._active = sps
        else:
            self._keep(kind, hevc.vps_id(nal) if kind == hevc.VPS else hevc.pps_id(nal), nal)

    def _refresh(self) -> None:
        active, sets = self._active, self._in_order(hevc.VPS, hevc.SPS, hevc.PPS)
        if active is not None and sets is not None:
            self._parameters = CodecParameters("h265", sets, active.width, active.height, active.rfc6381)


def parameter_sets(codec: Codec, described: Iterable[bytes] = ()) -> ParameterSets:
    """The empty or described sets of a stream of this codec."""
    return H264ParameterSets(described) if codec == "h264" else H265ParameterSets(described)


def codes_fields(parameters: CodecParameters) -> bool:
    """True when each picture of an H.265 stream is a field: two of them, of half the height each, make a frame.

    False for H.264, whose SPS gives the height of the frame.
    """
    if parameters.codec == "h264":
        return False
    active = H265ParameterSets(parameters.parameter_sets).active
    return active is not None and active.fields
