"""The disks whose power is cut do what the tests built on them rely on: they lose, keep, fail and hang as told."""

import errno
import mmap
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.block_rig import PREFIX, BlockDisk, block_disks, sweep
from tests.peers.need import ROOT, need_block_layer
from tests.peers.patience import reached

KEPT, LOST = b"\x01" * 4096, b"\x02" * 4096


@pytest.fixture(autouse=True)
def _needs() -> None:
    need_block_layer()


def write_direct(file: Path, data: bytes, *, flush: bool) -> None:
    """Past the kernel's cache, into the drive's."""
    block = mmap.mmap(-1, len(data))
    block.write(data)
    fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    try:
        os.pwrite(fd, block, 0)
        if flush:
            os.fdatasync(fd)
    finally:
        os.close(fd)
        block.close()


@pytest.mark.parametrize("volatile", [True, False])
def test_a_cut_takes_what_was_not_flushed_from_a_drive_with_a_cache(tmp_path: Path, *, volatile: bool) -> None:
    with block_disks(tmp_path / "disk", volatile=volatile) as (disk,):
        file = disk.mount / "file"
        write_direct(file, KEPT, flush=True)
        write_direct(file, LOST, flush=False)
        disk.cut()
        disk.power_cycle()
        assert file.read_bytes() == (KEPT if volatile else LOST)


def test_writes_fail_while_they_are_told_to(tmp_path: Path) -> None:
    with block_disks(tmp_path / "disk") as (disk,):
        write_direct(disk.mount / "file", KEPT, flush=True)
        disk.fail_writes(failing=True)
        with pytest.raises(OSError, match="Input/output") as caught:
            write_direct(disk.mount / "file", LOST, flush=False)
        assert caught.value.errno == errno.EIO


def test_a_flush_fails_though_the_write_went_well(tmp_path: Path) -> None:
    with block_disks(tmp_path / "disk", fail_at="flush") as (disk,):
        write_direct(disk.mount / "file", KEPT, flush=True)
        disk.fail_writes(failing=True)
        write_direct(disk.mount / "file", LOST, flush=False)
        with pytest.raises(OSError, match="Input/output"):
            write_direct(disk.mount / "file", LOST, flush=True)


def test_a_disk_that_hangs_answers_when_it_is_let_go(tmp_path: Path) -> None:
    with block_disks(tmp_path / "disk") as (disk,):
        write_direct(disk.mount / "file", KEPT, flush=True)
        disk.hang(hanging=True)
        writing = threading.Thread(target=write_direct, args=(disk.mount / "file", LOST), kwargs={"flush": True})
        writing.start()
        writing.join(0.5)
        assert writing.is_alive()
        disk.hang(hanging=False)
        writing.join(20)
        assert not writing.is_alive()


KILLED = """
import sys
from pathlib import Path
from tests.peers.block_rig import block_disks
with block_disks(Path(sys.argv[1])) as (disk,):
    disk.hang(hanging=True)
    print(disk.loop, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """(process, loop device) of a test that was killed while its disk hung."""
    command = [sys.executable, "-c", KILLED, str(tmp_path / "disk")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        loop = child.stdout.readline().strip()
        child.send_signal(signal.SIGKILL)
        child.wait()
    yield child.pid, loop
    sweep()


def test_what_a_killed_test_left_is_swept(killed: tuple[int, str], tmp_path: Path) -> None:
    process, loop = killed
    gone = sweep()
    assert f"mount {tmp_path / 'disk'}" in gone
    assert f"loop device {loop}" in gone
    assert reached(lambda: not traces(process, loop), 20), traces(process, loop)
    assert sweep() == []


def traces(process: int, loop: str) -> list[str]:
    name = f"{PREFIX}{process}-"
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line]
    running = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = line.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if name in words and "nbd" in words.split("\0")[0]:
            running.append(words)
    backing = Path(f"/sys/block/{loop.rpartition('/')[2]}/loop/backing_file")
    return mounts + running + ([loop] if backing.exists() and name in backing.read_text() else [])


def test_a_rig_that_runs_is_left_alone(tmp_path: Path) -> None:
    with block_disks(tmp_path / "disk") as (disk,):
        assert isinstance(disk, BlockDisk)
        assert sweep() == []
        write_direct(disk.mount / "file", KEPT, flush=True)
