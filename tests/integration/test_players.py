"""Our bytes in the hands of others: ffprobe, VLC, GStreamer, mp4box.js and libav read every picture, and no other.

Real H.264 pictures in chunks as the recorder leaves them (open, half closed, closed, after lost writes) and in
clips. Each player gives back what it read; it is compared NAL unit by NAL unit with what the encoder made.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import av
import pytest

from appliance.core.units import BLOCK, TICKS_PER_SECOND, ticks_to_us
from appliance.evidence.clip import ClipChunk, plan_clip
from appliance.media.boxes import iter_boxes
from appliance.media.stream import AccessUnit
from appliance.ring.access.part_ref import PartRef
from appliance.ring.chunk import table_offset
from appliance.ring.walk import walk
from tests.peers.footage import DEMO, FRAME, HEADER, UTC, Chunk, cut, encode, split, with_parameters
from tests.peers.need import need

HERE: Final = Path(__file__).parents[1]
FRAMES: Final = 150
"""Six seconds, a keyframe each second, parts of ten: 18 parts."""

GAP_TICKS: Final = 30 * TICKS_PER_SECOND

STATES: Final = ("open", "half closed", "closed", "torn table", "no terminator", "part lost", "tail lost")

Player = Callable[[Path], bytes]
"""Reads a file to its end and gives its coded pictures as a byte stream (ISO/IEC 14496-10 annex B)."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that VLC may use too: it refuses root and is then run as nobody."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o777)
        yield path


@cache
def chunk_bytes(state: str, b_frames: int = 0, seed: int = 0) -> tuple[bytes, tuple[AccessUnit, ...], int]:
    """A chunk in a state of its life, with the pictures that a player must find and the offset of its last part."""
    footage = encode(FRAMES, b_frames=b_frames, seed=seed)
    chunk = Chunk(with_parameters(HEADER, footage.parameters), DEMO).parts(footage.units)
    last = chunk.entries[-1]
    units = footage.units
    if state == "half closed":
        chunk.close(steps=1)
    elif state == "closed":
        chunk.close()
    elif state == "no terminator":
        chunk.data[chunk.end : chunk.end + BLOCK] = bytes(BLOCK)
    elif state == "part lost":  # of the last tick only the terminator reached the disk
        chunk.data[last.offset : last.offset + last.length] = bytes(last.length)
        units = units[: -last.samples]
    elif state == "tail lost":
        chunk.data[last.offset : last.offset + last.length + BLOCK] = bytes(last.length + BLOCK)
        units = units[: -last.samples]
    elif state == "torn table":
        chunk.close()
        chunk.data[table_offset(DEMO) :] = bytes(DEMO.table_reserve)
    else:
        assert state == "open"
    return bytes(chunk.data), tuple(units), last.offset


def slices(units: Sequence[bytes]) -> str:
    """Digest of the coded slices of one picture (H.264 types 1 and 5)."""
    return hashlib.sha256(b"".join(nal for nal in units if nal[0] & 0x1F in {1, 5})).hexdigest()


def nals(data: bytes | bytearray) -> list[bytes]:
    """NAL units behind 4-byte lengths."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(bytes(data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def expected(units: Sequence[AccessUnit]) -> list[str]:
    return [slices(nals(unit.data)) for unit in units]


def slice_nals(annex_b: bytes) -> list[bytes]:
    """Coded slices, without the zeros that may follow a NAL unit and belong to none."""
    return [nal.rstrip(b"\0") for nal in split(annex_b) if nal[0] & 0x1F in {1, 5}]


def pictures(annex_b: bytes) -> list[str]:
    """Digests per picture; a slice whose first_mb_in_slice is 0 opens one."""
    found: list[list[bytes]] = []
    for nal in slice_nals(annex_b):
        if nal[1] & 0x80:
            found.append([])
        found[-1].append(nal)
    return [slices(group) for group in found]


def run(command: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, **options)


def ffprobe(path: Path) -> dict[str, Any]:
    """ffprobe's view; not one warning is allowed."""
    show = "packet=data_hash,pts,dts,flags:stream=nb_read_packets,codec_name,duration:format_tags=title"
    count = ("-count_packets", "-show_data_hash", "sha256", "-show_entries", show)
    done = run([need("ffprobe"), "-v", "warning", *count, "-of", "json", str(path)])
    assert (done.returncode, done.stderr) == (0, "")
    read: dict[str, Any] = json.loads(done.stdout)
    assert int(read["streams"][0]["nb_read_packets"]) == len(read["packets"])
    return read


def hashes(read: dict[str, Any]) -> list[str]:
    return [packet["data_hash"].removeprefix("SHA256:") for packet in read["packets"]]


def whole(units: Sequence[AccessUnit]) -> list[str]:
    """What a demuxer must give, byte for byte, parameter sets and SEI included."""
    return [hashlib.sha256(unit.data).hexdigest() for unit in units]


def gstreamer(path: Path) -> bytes:
    """qtdemux and h264parse."""
    launch = need("gst-launch-1.0", "qtdemux", "h264parse")
    out = path.with_suffix(".gst")
    caps = "video/x-h264,stream-format=byte-stream,alignment=au"
    pipeline = f"filesrc location={path} ! qtdemux ! h264parse ! {caps} ! filesink location={out}"
    done = run([launch, "-q", *pipeline.split()])
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


def vlc(path: Path) -> bytes:
    """VLC's own demuxer, streamed out without a container."""
    out = path.with_suffix(".vlc")
    path.chmod(0o644)
    user: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    sout = f"#std{{access=file,mux=dummy,dst={out}}}"
    done = run(
        [need("cvlc"), "-I", "dummy", "--no-audio", "--play-and-exit", "--sout", sout, str(path), "vlc://quit"],
        env=os.environ | {"HOME": str(path.parent), "XDG_RUNTIME_DIR": str(path.parent)},
        **user,
    )
    assert done.returncode == 0, done.stderr
    return out.read_bytes()


def mp4box(path: Path) -> dict[str, Any]:
    """What GPAC's parser for JavaScript found."""
    node = need("node", "mp4box")
    done = run([node, str(HERE / "peers" / "node" / "chunk.mjs"), str(path)])
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def decoded(path: Path) -> int:
    """Pictures that libav decodes, with errors being errors."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return sum(1 for _ in container.decode(stream))


PLAYERS: Final[list[Player]] = [gstreamer, vlc]
b_frames = pytest.mark.parametrize("b_frames", [0, 2])


def write(folder: Path, data: bytes) -> Path:
    path = folder / "000000.mp4"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("state", [state for state in STATES if state != "torn table"])  # qtdemux seeks it for 4 s
@pytest.mark.parametrize("player", PLAYERS, ids=["gstreamer", "vlc"])
def test_a_player_reads_every_picture_of_a_chunk_and_nothing_else(folder: Path, player: Player, state: str) -> None:
    data, units, _ = chunk_bytes(state)
    assert pictures(player(write(folder, data))) == expected(units)


@pytest.mark.parametrize("player", PLAYERS, ids=["gstreamer", "vlc"])
def test_players_read_b_frames(folder: Path, player: Player) -> None:
    data, units, _ = chunk_bytes("closed", b_frames=2)
    assert any(unit.pts_ticks != unit.dts_ticks for unit in units)
    assert pictures(player(write(folder, data))) == expected(units)


@b_frames
@pytest.mark.parametrize("state", STATES)
def test_ffprobe_reads_every_byte_and_warns_of_nothing(folder: Path, state: str, b_frames: int) -> None:
    data, units, _ = chunk_bytes(state, b_frames)
    read = ffprobe(write(folder, data))
    assert hashes(read) == whole(units)
    times = [(unit.dts_ticks - HEADER.base_ticks, unit.pts_ticks - HEADER.base_ticks) for unit in units]
    assert [(packet["dts"], packet["pts"]) for packet in read["packets"]] == times
    assert ["K" in packet["flags"] for packet in read["packets"]] == [unit.keyframe for unit in units]
    assert read["format"]["tags"]["title"] == HEADER.title


@pytest.mark.parametrize("state", STATES)
def test_mp4box_reads_every_byte(folder: Path, state: str) -> None:
    data, units, _ = chunk_bytes(state)
    found = mp4box(write(folder, data))
    zeros_follow = state in {"torn table", "no terminator", "part lost", "tail lost"}
    assert ["Invalid data" in error for error in found["errors"]] == [True] * zeros_follow  # it says where they begin
    assert found["samples"] == len(units)
    assert found["digest"] == hashlib.sha256(b"".join(unit.data for unit in units)).hexdigest()
    assert found["keyframes"] == sum(unit.keyframe for unit in units)


@b_frames
@pytest.mark.parametrize("state", STATES)
def test_libav_decodes_every_picture(folder: Path, state: str, b_frames: int) -> None:
    data, units, _ = chunk_bytes(state, b_frames)
    assert decoded(write(folder, data)) == len(units)


def test_h265_is_read_too(folder: Path) -> None:
    footage = encode(50, codec="h265")
    chunk = Chunk(with_parameters(HEADER, footage.parameters), DEMO).parts(footage.units).close()
    path = write(folder, bytes(chunk.data))
    assert hashes(ffprobe(path)) == whole(footage.units)
    assert decoded(path) == 50
    assert mp4box(path)["samples"] == 50


@pytest.mark.parametrize("player", [*PLAYERS, None], ids=["gstreamer", "vlc", "libav"])
@pytest.mark.parametrize("seed", range(6))
def test_a_torn_last_write_shows_our_bytes_or_zeros(folder: Path, player: Player | None, seed: int) -> None:
    """Of the last tick's blocks any subset may be lost; where a lap was, FREED left zeros."""
    data, units, offset = chunk_bytes("open")
    torn, random = bytearray(data), Random(seed)
    end = next(end for kind, start, end in iter_boxes(data) if start >= offset and kind == b"free")
    for block in range(offset, end + BLOCK, BLOCK):
        if random.random() < 0.5:
            torn[block : block + BLOCK] = bytes(BLOCK)
    path = write(folder, bytes(torn))
    if player is None:
        assert libav_gives_ours_or_zeros(path, units)
        return
    ours = [nal for unit in units for nal in slice_nals(b"\0\0\1".join([b"", *nals(unit.data)]))]
    for nal in slice_nals(player(path)):
        assert nal in ours or any(mixed_with_zeros(nal, mine) for mine in ours)


def demuxed(path: Path) -> list[bytes]:
    """Packets as libav gives them."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(video=0) if packet.size]


def libav_gives_ours_or_zeros(path: Path, units: Sequence[AccessUnit]) -> bool:
    packets = demuxed(path)
    kept = zip(packets, units, strict=False)
    return 140 <= len(packets) <= len(units) and all(mixed_with_zeros(got, bytes(unit.data)) for got, unit in kept)


def mixed_with_zeros(got: bytes, mine: bytes) -> bool:
    """True when `got` is `mine`, some bytes being zero."""
    return len(got) <= len(mine) and all(a in {b, 0} for a, b in zip(got, mine, strict=False))


def test_why_a_freed_chunk_is_zeroed(folder: Path) -> None:
    """Without zeroing libav goes on into another camera's parts behind a lost terminator; our walk never does."""
    old, _, _ = chunk_bytes("open", seed=1)
    data, units, last = chunk_bytes("tail lost")
    border = [start for kind, start, _ in iter_boxes(old) if kind == b"uuid"][7]
    # A part of the old lap begins where ours ends, as happens by chance once in 5 to 50 cuts.
    stale = data[:last] + old[border : border + len(data) - last]
    stale += bytes(len(data) - len(stale))
    packets = demuxed(write(folder, stale))
    assert packets[: len(units)] == [bytes(unit.data) for unit in units]
    assert len(packets) > len(units)
    found = walk(lambda offset, size: stale[offset : offset + size], DEMO)
    assert sum(entry.samples for entry in found.entries) == len(units)
    assert found.end_offset == last


def clip_files(chunks: Sequence[Chunk], from_us: int, to_us: int) -> list[bytes]:
    answer = []
    for number, chunk in enumerate(chunks):
        rows = [
            PartRef(
                *(e.offset, e.length, e.utc_us, e.tfdt, e.duration, e.run, e.sequence, e.samples),
                e.starts_keyframe | e.starts_run << 1,
            )
            for e in chunk.entries
        ]
        answer.append(ClipChunk(str(number), chunk.header.generation, chunk.init, tuple(rows)))
    files = plan_clip(answer, from_us, to_us)
    made = [b"".join(file.blocks(lambda path, at, n: chunks[int(path)].read(at, n))) for file in files]
    assert [len(data) for data in made] == [file.size for file in files]
    return made


def history() -> tuple[list[Chunk], list[AccessUnit], list[AccessUnit]]:
    """Two chunks of one run, a gap of 30 s inside the second, then another size of picture in a third."""
    first = encode(150)
    header = with_parameters(HEADER, first.parameters)
    one = Chunk(header, DEMO).parts(first.units[:65])
    two = Chunk(replace(header, generation=8, base_ticks=first.units[65].dts_ticks), DEMO)
    sequence = len(one.entries)
    for part in cut(first.units[65:]):
        gone = part[0].dts_ticks >= first.units[100].dts_ticks
        utc = UTC + ticks_to_us(part[0].dts_ticks - HEADER.base_ticks + gone * GAP_TICKS)
        tfdt = part[0].dts_ticks - first.units[65].dts_ticks + gone * GAP_TICKS
        two.part(part, run=1 + gone, sequence=sequence, utc_us=utc, tfdt=tfdt)
        sequence += 1
    other = encode(50, width=256, height=144, seed=3)
    three = Chunk(replace(with_parameters(HEADER, other.parameters), generation=9), DEMO)
    for part in cut(other.units):
        utc = UTC + 60_000_000 + ticks_to_us(part[0].dts_ticks - HEADER.base_ticks)
        three.part(part, run=3, sequence=sequence, utc_us=utc)
        sequence += 1
    return [one, two, three], first.units, other.units


@pytest.mark.parametrize("player", PLAYERS, ids=["gstreamer", "vlc"])
def test_a_clip_over_a_border_a_gap_and_a_codec_change_plays(folder: Path, player: Player) -> None:
    chunks, first, other = history()
    one, two = clip_files(chunks, UTC + 1_000_001, UTC + 10**9)
    path = write(folder, one)
    assert pictures(player(path)) == expected(first[25:])
    assert pictures(player(write(folder, two))) == expected(other)


def test_a_clip_over_a_border_a_gap_and_a_codec_change_is_exact(folder: Path) -> None:
    chunks, first, other = history()
    one, two = clip_files(chunks, UTC + 1_000_001, UTC + 10**9)
    path = write(folder, one)
    read = ffprobe(path)
    assert hashes(read) == whole(first[25:])
    frames = [*range(75), *range(75 + GAP_TICKS // FRAME, 125 + GAP_TICKS // FRAME)]
    assert [packet["dts"] for packet in read["packets"]] == [FRAME * frame for frame in frames]
    assert decoded(path) == 125
    found = mp4box(path)
    assert found["errors"] == []
    assert found["digest"] == hashlib.sha256(b"".join(unit.data for unit in first[25:])).hexdigest()
    path = write(folder, two)
    assert hashes(ffprobe(path)) == whole(other)
    assert mp4box(path)["samples"] == decoded(path) == 50
