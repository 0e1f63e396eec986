"""A disk whose power can be cut, made of Debian's own packages: nbdkit -> nbdfuse -> loop device -> ext4.

nbdkit serves an image; its `cache` filter with `cache=writeback` is a drive's volatile cache: what was written and not
flushed lives in its memory alone, so killing nbdkit is a power cut that takes exactly that. Its `error` filter fails
writes (or, below the cache, flushes) while a trigger file exists. SIGSTOP is a disk that answers no more, SIGCONT its
return. No device-mapper, no nbd module: /dev/fuse, loop devices and root (or `sudo -n`) are enough. A user namespace
(`unshare`) is not: it mounts neither loop devices nor ext4.

Everything lies in a folder `temoin-block-PID-...`, named for the process of the tests: `sweep` takes away what a killed
one left behind, and leaves alone what belongs to one that runs.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from tests.peers.patience import reached

PREFIX: Final = "temoin-block-"
_OWNED: Final = re.compile(rf"/[^ ]*/{PREFIX}(\d+)-[^ /]*")

ANSWER_S: Final = 40.0
"""Seconds until a helper program that is not ready counts as broken; it takes 0.05 s on a quiet machine."""

FailAt = Literal["write", "flush"]


class RigBroken(Exception):
    """The block layer could not be built or taken down; the message says which step."""


def privileged(*command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run as root: directly, or through `sudo -n`. Raises RigBroken with what the program said."""
    prefix = () if os.geteuid() == 0 else ("sudo", "-n")
    done = subprocess.run([*prefix, *command], capture_output=True, text=True, check=False, timeout=120)
    if check and done.returncode != 0:
        raise RigBroken(f"{' '.join(command)}: {done.stderr.strip()}")
    return done


@dataclass(slots=True, eq=False)
class BlockDisk:
    """One disk. `power_on` mounts it at `mount`, `cut` takes its power, `power_off` ends it in order.

    `volatile`: the drive has a cache that a cut empties; without it everything that the kernel sent is kept.
    `fail_at`: where `fail_writes` bites: each write at once, or only the flush that brings cached writes home.
    """

    folder: Path
    mount: Path
    volatile: bool = True
    fail_at: FailAt = "write"
    options: str = "noatime"
    loop: str = ""
    _server: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    _bridge: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def image(self) -> Path:
        """What is on the platters."""
        return self.folder / "image"

    @property
    def _trigger(self) -> Path:
        return self.folder / "fail-writes"

    @property
    def device(self) -> str:
        """`loop3`: its counters are in /sys/block/loop3/stat."""
        return self.loop.rpartition("/")[2]

    def make(self, mib: int) -> None:
        """An empty ext4 of so many MiB, owned by whoever runs the tests."""
        self.mount.mkdir(parents=True, exist_ok=True)
        with self.image.open("wb") as file:
            file.truncate(mib << 20)
        owner = f"root_owner={os.getuid()}:{os.getgid()}"
        subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-E", owner, self.image], check=True)

    def power_on(self) -> None:
        """Serve the image and mount it; the journal is replayed after a cut."""
        socket, bridge = self.folder / "socket", self.folder / "disk"
        socket.unlink(missing_ok=True)
        self._trigger.unlink(missing_ok=True)
        bridge.touch()
        filters = ["--filter=error"]
        if self.volatile:
            filters = ["--filter=error", "--filter=cache"]
            if self.fail_at == "flush":
                filters.reverse()
        cache = ["cache=writeback"] if self.volatile else []
        errors = ["error-pwrite=EIO", "error-pwrite-rate=100%", f"error-pwrite-file={self._trigger}"]
        serve = ["nbdkit", "--foreground", "--exit-with-parent", "--log=null", "--unix", str(socket), *filters]
        environment = {**os.environ, "TMPDIR": str(self.folder)}  # the cache: an unlinked file beside the image
        self._server = subprocess.Popen(
            [*serve, "file", f"file={self.image}", *cache, *errors], stderr=subprocess.DEVNULL, env=environment
        )
        self._wait(socket.exists, "nbdkit")
        self._wait(lambda: self._bridged(socket, bridge), "nbdfuse")
        self.loop = privileged("losetup", "--find", "--show", str(bridge)).stdout.strip()
        privileged("mount", "-o", self.options, self.loop, str(self.mount))

    def _bridged(self, socket: Path, bridge: Path) -> bool:
        """Whether the bridge is mounted. One that ended is started anew: the socket's file is there a moment before
        nbdkit listens, and whoever connects between the two is refused for good.
        """
        if self._bridge is None or self._bridge.poll() is not None:
            root = () if os.geteuid() == 0 else ("sudo", "-n")
            command = [*root, "nbdfuse", str(bridge), "--unix", str(socket)]
            self._bridge = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        return _is_mounted(bridge)

    def cut(self) -> int:
        """Take the power; UTC microseconds of that instant. What used the disk is to be ended, then `unplug`."""
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGKILL)
        return time.time_ns() // 1000

    def fail_writes(self, *, failing: bool) -> None:
        """From now on every write (or flush) ends with EIO, or none does any more."""
        if failing:
            self._trigger.touch()
        else:
            self._trigger.unlink(missing_ok=True)

    def hang(self, *, hanging: bool) -> None:
        """The disk answers nothing until it goes on."""
        assert self._server is not None
        os.kill(self._server.pid, signal.SIGSTOP if hanging else signal.SIGCONT)

    def let_go(self) -> None:
        """Whatever waits for a disk that hangs waits no longer. May be called in any state."""
        if self._server is not None and self._server.poll() is None:
            self._server.send_signal(signal.SIGCONT)

    def unplug(self) -> None:
        """Take the mount, the loop device and the programs away, in whatever state they are. May be repeated."""
        self.let_go()
        if _is_mounted(self.mount):
            self._until_done("umount", str(self.mount))
        if self.loop:
            privileged("losetup", "--detach", self.loop, check=False)
            self.loop = ""
        bridge = self.folder / "disk"
        if _is_mounted(bridge):
            self._until_done("umount", str(bridge))
        if self._bridge is not None:
            self._bridge.wait(ANSWER_S)
            self._bridge = None
        if self._server is not None:
            self._server.terminate()  # it waits for its client, which has left
            self._server.wait(ANSWER_S)
            self._server = None

    def flushed(self) -> int:
        """Flushes that the device was asked for since it is there (kernel, Documentation/block/stat.rst)."""
        fields = Path(f"/sys/block/{self.device}/stat").read_text(encoding="ascii").split()
        return int(fields[15])

    def power_cycle(self) -> None:
        """After a cut: everything away, and on again as after a power failure."""
        self.unplug()
        self.power_on()

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        if not reached(ready, ANSWER_S, 0.005):  # a cut is timed to hundredths
            raise RigBroken(f"{what} is not ready after {ANSWER_S:g} s")

    def _until_done(self, *command: str) -> None:
        """A mount stays busy for a moment after its last user was killed."""
        if not reached(lambda: privileged(*command, check=False).returncode == 0, ANSWER_S):
            privileged("umount", "--lazy", command[-1], check=False)
            raise RigBroken(f"{' '.join(command)}: still busy after {ANSWER_S:g} s")


@contextmanager
def block_disks(
    *mounts: Path, mib: int = 64, volatile: bool = True, fail_at: FailAt = "write", options: str = "noatime"
) -> Iterator[list[BlockDisk]]:
    """Disks mounted at these paths, powered on. Nothing of them is left afterwards."""
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as name:
        disks: list[BlockDisk] = []
        try:
            for number, mount in enumerate(mounts):
                folder = Path(name) / str(number)
                folder.mkdir()
                disks.append(BlockDisk(folder, mount, volatile, fail_at, options))
                disks[-1].make(mib)
                disks[-1].power_on()
            yield disks
        finally:
            with contextlib.ExitStack() as ending:
                for disk in disks:
                    ending.callback(disk.unplug)


def _is_mounted(path: Path) -> bool:
    """By the kernel's table: asking the path itself would wait for a disk that hangs."""
    return any(target == str(path) for _, target in _mounts())


def _mounts() -> list[tuple[str, str]]:
    """(source, target), newest mount last."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    return [(fields[0], fields[1]) for line in lines if len(fields := line.split()) > 1]


def sweep() -> list[str]:
    """Take away what rigs of killed test processes left: mounts, loop devices, programs, folders. Names them."""
    stale_loops = {name for name, file in _loops() if _abandoned(file)}
    gone: list[str] = []
    for process in _left_processes():
        privileged("kill", "-KILL", str(process), check=False)
        gone.append(f"process {process}")
    for source, target in reversed(_mounts()):
        if _abandoned(target) or source in stale_loops:
            privileged("umount", "--lazy", target, check=False)
            gone.append(f"mount {target}")
    for name in stale_loops:
        privileged("losetup", "--detach", name, check=False)
        gone.append(f"loop device {name}")
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _abandoned(str(folder)):
            shutil.rmtree(folder, ignore_errors=True)
            gone.append(f"folder {folder}")
    return gone


def _loops() -> list[tuple[str, str]]:
    """(device, backing file) of every loop device in use."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            found.append((f"/dev/{file.parts[3]}", file.read_text(encoding="utf-8", errors="replace").strip()))
    return found


def _left_processes() -> list[int]:
    """nbdkit and nbdfuse of folders whose owner runs no more."""
    found = []
    for line in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            words = line.read_bytes().split(b"\0")
            name = words[0].rpartition(b"/")[2]
            if name in {b"nbdkit", b"nbdfuse"} and _abandoned(b" ".join(words).decode(errors="replace")):
                found.append(int(line.parts[2]))
    return found


def _abandoned(text: str) -> bool:
    """Does the text name a folder of ours whose process has ended?"""
    owner = _OWNED.search(text)
    return owner is not None and not Path(f"/proc/{owner[1]}").exists()
