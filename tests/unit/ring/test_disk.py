"""A recording disk: format, identity, heartbeat, wiping, flushing."""

import ctypes
import json
import mmap
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import BLOCK
from appliance.ring.chunk import Geometry
from appliance.ring.disks import disk as module
from appliance.ring.disks.disk import (
    DEMO_GEOMETRY,
    FIELD_GEOMETRY,
    HEARTBEAT,
    Disk,
    Flush,
    Heartbeat,
    chunk_name,
    chunks_that_fit,
    decode_heartbeat,
    encode_heartbeat,
    format_disk,
    protected_share,
)
from appliance.ring.disks.identity import IDENTITY, read_identity
from appliance.ring.faults import (
    DiskAlreadyFormatted,
    DiskFailed,
    DiskNotFormatted,
    DiskUnreadable,
    DiskVersion,
)

SMALL = Geometry(chunk_size=64 << 10, table_reserve=8 << 10)


def test_a_formatted_disk_holds_every_chunk_at_its_place(tmp_path: Path) -> None:
    identity = format_disk(tmp_path, SMALL, 300, appliance="a" * 32)
    assert read_identity(tmp_path) == identity
    assert (identity.geometry, identity.chunks, identity.appliance) == (SMALL, 300, "a" * 32)
    assert chunk_name(17) == "00/000017.mp4"
    assert chunk_name(256) == "01/000256.mp4"
    for number in (0, 255, 256, 299):
        stat = (tmp_path / chunk_name(number)).stat()
        assert (stat.st_size, stat.st_blocks * 512) == (SMALL.chunk_size, SMALL.chunk_size)
    assert len(list(tmp_path.glob("*/*.mp4"))) == 300
    with pytest.raises(DiskAlreadyFormatted):
        format_disk(tmp_path, SMALL, 1)


def test_a_disk_without_room_is_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_fd: int, _offset: int, _length: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(DiskFailed, match="No space"):
        format_disk(tmp_path, SMALL, 3)
    assert not (tmp_path / IDENTITY).exists()


def _json(**changes: object) -> Callable[[Path], None]:
    def change(file: Path) -> None:
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return change


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (Path.unlink, DiskNotFormatted),
        (lambda file: file.write_text("{"), DiskUnreadable),
        (lambda file: file.write_text("[]"), DiskUnreadable),
        (_json(version=2), DiskVersion),
        (_json(chunk_size=4097), DiskUnreadable),
        (_json(table_reserve=0), DiskUnreadable),
        (_json(protected_chunks=1 << 30), DiskUnreadable),
        (_json(protected_chunks=-1), DiskUnreadable),
        (_json(chunk_size=1 << 40), DiskUnreadable),
        (_json(chunks=0), DiskUnreadable),
        (_json(uuid="no"), DiskUnreadable),
        (_json(chunks=None), DiskUnreadable),
    ],
)
def test_a_disk_that_is_none_has_its_own_error(
    tmp_path: Path, damage: Callable[[Path], None], error: type[Exception]
) -> None:
    format_disk(tmp_path, SMALL, 2)
    damage(tmp_path / IDENTITY)
    with pytest.raises(error):
        Disk(tmp_path)


def test_a_missing_or_shorter_chunk_is_named(tmp_path: Path) -> None:
    format_disk(tmp_path, SMALL, 3)
    os.truncate(tmp_path / chunk_name(1), 4096)
    (tmp_path / chunk_name(2)).unlink()
    disk = Disk(tmp_path)
    os.close(disk.open_chunk(0))
    for number in (1, 2):
        with pytest.raises(DiskUnreadable, match=chunk_name(number)):
            disk.open_chunk(number)
    disk.close()
    (tmp_path / HEARTBEAT).unlink()
    with pytest.raises(DiskUnreadable):
        Disk(tmp_path)


def _fill(disk: Disk, number: int) -> int:
    fd = disk.open_chunk(number)
    with mmap.mmap(-1, SMALL.chunk_size) as memory:
        memory[:] = b"\xa5" * SMALL.chunk_size
        os.pwrite(fd, memory, 0)
    return fd


@pytest.mark.parametrize("refused", [False, True])
def test_wiped_bytes_read_as_zeros_for_everyone(tmp_path: Path, refused: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    format_disk(tmp_path, SMALL, 2)
    disk = Disk(tmp_path)
    if refused:

        class Refusing:
            @staticmethod
            def fallocate(_fd: int, _mode: int, _offset: int, _length: int) -> int:
                ctypes.set_errno(95)
                return -1

        monkeypatch.setattr(module, "_libc", Refusing)
    fds = [_fill(disk, 0), _fill(disk, 1)]
    disk.zero(fds[0])
    disk.zero(fds[1], 2 * BLOCK)
    disk.flush(fds)
    assert (tmp_path / chunk_name(0)).read_bytes() == bytes(SMALL.chunk_size)
    rest = SMALL.chunk_size - 2 * BLOCK
    assert (tmp_path / chunk_name(1)).read_bytes() == b"\xa5" * 2 * BLOCK + bytes(rest)
    assert disk.zeroing == ("zeros written" if refused else disk.zeroing)
    for fd in fds:
        os.close(fd)
    disk.close()


@pytest.mark.parametrize(
    ("mode", "flushed"),
    [(Flush.ONE, [7]), (Flush.EACH_DIRECT, [5, 7]), (Flush.EACH, [5, 7]), (Flush.SYNCFS, [])],
)
def test_how_many_flushes_a_tick_takes(
    tmp_path: Path, mode: Flush, flushed: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    format_disk(tmp_path, SMALL, 2)
    disk = Disk(tmp_path)
    disk.flush_mode = mode
    seen: list[int] = []
    monkeypatch.setattr(os, "fdatasync", seen.append)
    assert disk.flush([5, 7, 5, 7]) == max(1, len(flushed))
    assert seen == flushed
    monkeypatch.undo()
    disk.close()


def test_a_failed_flush_raises(tmp_path: Path) -> None:
    format_disk(tmp_path, SMALL, 2)
    disk = Disk(tmp_path)
    disk.flush_mode = Flush.EACH
    with pytest.raises(OSError, match="Bad file descriptor"):
        disk.flush([9999])
    disk.close()


@given(st.builds(Heartbeat, st.integers(), st.integers(), st.text(), st.integers(0)))
def test_a_heartbeat_is_one_block_and_read_back(beat: Heartbeat) -> None:
    block = encode_heartbeat(beat)
    assert len(block) == BLOCK
    assert decode_heartbeat(block) == beat


@given(st.integers(0, 90), st.integers(1, 255))
def test_a_torn_heartbeat_is_none(at: int, flip: int) -> None:
    block = bytearray(encode_heartbeat(Heartbeat(1_795_500_000_000_000, 1_795_500_000_400_000, "ab" * 16, 12)))
    block[at] ^= flip
    assert decode_heartbeat(bytes(block)) is None
    assert decode_heartbeat(bytes(BLOCK)) is None


@given(free=st.integers(0, 1 << 45))
def test_what_fits_leaves_room_for_what_lies_beside_the_chunks(free: int) -> None:
    for geometry in (FIELD_GEOMETRY, DEMO_GEOMETRY):
        chunks = chunks_that_fit(free, geometry)
        left = free - chunks * geometry.chunk_size
        kept = 4 * geometry.chunk_size + free // 1000
        assert left >= kept if chunks else chunks == 0
        assert left < kept + geometry.chunk_size or not chunks, "no chunk is given away"


@pytest.mark.parametrize(("chunks", "share"), [(1, 0), (24, 0), (25, 2), (37, 2), (48, 3), (100, 8), (298_000, 23_840)])
def test_the_protected_pool_is_eight_percent_where_that_is_a_chunk(chunks: int, share: int) -> None:
    assert protected_share(chunks) == share


def test_the_protected_pool_is_constant_for_the_disks_life(tmp_path: Path) -> None:
    assert format_disk(tmp_path / "own", SMALL, 30).protected == 2
    chosen = format_disk(tmp_path / "chosen", SMALL, 10, protected=4)
    assert read_identity(tmp_path / "chosen") == chosen
    assert (chosen.protected, chosen.of_ring) == (4, 6)


def test_a_disk_formatted_before_there_was_a_pool_has_none(tmp_path: Path) -> None:
    format_disk(tmp_path, SMALL, 30)
    file = tmp_path / IDENTITY
    text = json.loads(file.read_text())
    del text["protected_chunks"]
    file.write_text(json.dumps(text))
    assert read_identity(tmp_path).protected == 0
