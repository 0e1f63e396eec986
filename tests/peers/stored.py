"""What stored parts hold, picture by picture, to be compared with what a simulated camera says it sent."""

import hashlib
from collections.abc import Iterable

from appliance.demo.counter import find_stamp
from appliance.demo.stream import DIGEST_BYTES, SentFrame
from appliance.media.part import parse_part

Nals = tuple[tuple[int, bytes], ...]


def nals_of(unit: bytes) -> Nals:
    """(length, digest) of each NAL unit of an access unit, as the camera's ground truth has them."""
    found = []
    at = 0
    while at < len(unit):
        length = int.from_bytes(unit[at : at + 4], "big")
        nal = unit[at + 4 : at + 4 + length]
        found.append((length, hashlib.sha256(nal).digest()[:DIGEST_BYTES]))
        at += 4 + length
    return tuple(found)


def units_of(part: bytes) -> Iterable[bytes]:
    """The access units of a stored part."""
    parsed = parse_part(part)
    at = parsed.payload_offset
    for sample in parsed.samples:
        yield part[at : at + sample.size]
        at += sample.size


def frames_of(parts: Iterable[bytes]) -> list[tuple[int, Nals]]:
    """(counter, NAL units) of every stored picture."""
    found = []
    for part in parts:
        for unit in units_of(part):
            stamp = find_stamp(unit)
            assert stamp is not None, "a stored picture without its camera's stamp"
            found.append((stamp.counter, nals_of(unit)))
    return found


def check_identical(stored: list[tuple[int, Nals]], sent: list[SentFrame]) -> None:
    """Every stored picture is exactly what was sent under this number; in order, each once."""
    truth = {frame.counter: frame.nals for frame in sent}
    counters = [counter for counter, _ in stored]
    assert counters == sorted(set(counters)), "out of order or twice"
    wrong = [counter for counter, nals in stored if truth[counter] != nals]
    assert not wrong, f"{len(wrong)} pictures differ from what was sent: {wrong[:5]}"


def newest_stamp_us(data: bytes) -> int:
    """UTC microseconds of the newest stamped picture anywhere in these bytes, 0 when there is none."""
    newest = 0
    while (stamp := find_stamp(data)) is not None:
        newest = max(newest, stamp.utc_us)
        data = data[data.index(b"%016x%016x" % (stamp.counter, stamp.utc_us)) + 32 :]
    return newest
