"""A chunk that a release of November 2026 wrote, before H.265: read as it was meant, byte for byte, for ever."""

import gzip
from pathlib import Path

from appliance.media.boxes import init_segment
from appliance.media.part import parse_part, verify_payload
from appliance.ring.chunk import read_header
from appliance.ring.walk import ChunkState, walk
from tests.peers.footage import FRAME, HEADER, PARAMETERS, SMALL, pictures

FILE = Path(__file__).parent / "data" / "chunk-of-2026-11.mp4.gz"
"""24 pictures in parts of six, a keyframe every ten, B pictures by their composition offsets; closed."""


def test_a_chunk_of_before_is_read_whole() -> None:
    data = gzip.decompress(FILE.read_bytes())
    info = read_header(data)
    assert info.header == HEADER
    found = walk(lambda offset, size: data[offset : offset + size], SMALL, deep=True)
    assert found.state is ChunkState.CLOSED
    assert [entry.samples for entry in found.entries] == [6, 4, 6, 4, 4]
    payload, offsets = b"", []
    for entry in found.entries:
        block = data[entry.offset : entry.offset + entry.length]
        part = parse_part(block)
        assert verify_payload(block, part)
        payload += block[part.payload_offset : part.payload_offset + part.payload_length]
        offsets += [sample.composition_offset for sample in part.samples]
    assert payload == b"".join(bytes(unit.data) for unit in pictures(24, 90))
    assert offsets == [(2 + (0, 2, -1, -1)[at % 4]) * FRAME for at in range(24)]


def test_the_same_parameters_still_make_the_same_first_bytes() -> None:
    """An open chunk is continued by a newer release: what it is compared with must not have changed."""
    data = gzip.decompress(FILE.read_bytes())
    assert data[: read_header(data).init_length] == init_segment(PARAMETERS, HEADER.title)
