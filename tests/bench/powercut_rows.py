"""Rows of the power cut: video lost and files that nobody can read, over cuts under the real recorder.

One turn is half of its cuts with a drive whose volatile cache is lost, half with one whose cache is kept (as SIGKILL
would have it). The three rows share their turns: 100 cuts in all (tests/peers/powercut.py). Peers of the same turn, on
disks cut in the same way and from cameras of the same kind: ffmpeg's segments of 10 s, and its fragmented MP4, one
fragment a keyframe: neither of them flushes.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.recorder_rows import SEGMENT, Cameras
from tests.bench.row import Missing, Options, Turn, row
from tests.peers.block_rig import block_disks
from tests.peers.live import ROOT, clip_of, random_seconds
from tests.peers.need import block_layer_missing, locate
from tests.peers.powercut import Cut, packets_of, power_rig
from tests.peers.stored import newest_stamp_us

TURNS: Final = 4
CUTS: Final = 25
"""Cuts of a turn: with TURNS 100; in a quick run QUICK_CUTS."""

QUICK_CUTS: Final = 2
CAMERAS: Final = 4
FRAGMENTS: Final = ("-c", "copy", "-an", "-f", "mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof")
"""One growing file, a fragment a keyframe, handed to the kernel as it comes."""


@dataclass(slots=True)
class Outcome:
    """All cuts of one turn. Seconds per stream and cut; files that cannot be read."""

    lost_s: list[float] = field(default_factory=list)
    unreadable: int = 0
    segments_s: float | None = None
    segments_unreadable: int | None = None
    fragments_s: float | None = None


_outcomes: dict[int, Outcome] = {}
_asked = {"max": 0, "median": 0, "unreadable": 0}


def _turn(row_name: str, options: Options) -> Outcome:
    """The turn that this row is at; each is measured once for the three rows."""
    if missing := block_layer_missing():
        raise Missing(missing)
    for tool in ("ffmpeg", "ffprobe"):
        if locate(tool) is None:
            raise Missing(tool)
    turn = _asked[row_name]
    _asked[row_name] += 1
    if turn not in _outcomes:
        seed = int.from_bytes(os.urandom(2), "big")
        _outcomes[turn] = _measure(QUICK_CUTS if options.quick else CUTS, seed)
        if not options.quick or turn == 0:  # a quick run has its peers once: 40 s a turn
            _measure_peers(_outcomes[turn], seed)
    return _outcomes[turn]


def _measure(cuts: int, seed: int) -> Outcome:
    outcome = Outcome()
    found: list[Cut] = []
    for volatile, count in ((True, -(-cuts // 2)), (False, cuts // 2)):
        with tempfile.TemporaryDirectory(prefix="powercut-") as folder:
            found += asyncio.run(_cuts(Path(folder), count, seed, volatile=volatile))
    outcome.lost_s = [seconds for cut in found for seconds in cut.lost_s.values()]
    outcome.unreadable = sum(len(cut.problems()) for cut in found)
    for problem in [problem for cut in found for problem in cut.problems()]:
        print(f"powercut: seed {seed}: {problem}", file=sys.stderr)
    return outcome


def _measure_peers(outcome: Outcome, seed: int) -> None:
    outcome.segments_s, outcome.segments_unreadable = _peer(lambda n: [*SEGMENT, f"{n}-%d.mp4"], seed)
    outcome.fragments_s, _ = _peer(lambda n: [*FRAGMENTS, f"{n}-0.mp4"], seed)


async def _cuts(folder: Path, count: int, seed: int, *, volatile: bool) -> list[Cut]:
    clip = clip_of("cour", 1280, 720, 25, 2_000_000)
    async with power_rig(folder, [{"main": clip}] * CAMERAS, volatile=volatile, chunks=40) as rig:
        found = [await rig.cut_after(seconds) for seconds in random_seconds(seed, 1.0, 3.0, count)]
        return [*found, await rig.end()]


def _peer(arguments: Callable[[int], list[str]], seed: int) -> tuple[float, int]:
    """(largest loss in seconds, unreadable files) of ffmpeg on a disk that is cut after 12 to 19 s."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "build", prefix="bench-") as name:
        folder = Path(name)
        disk_folder = folder / "disk"
        with block_disks(disk_folder, mib=192) as (disk,), Cameras.serving(CAMERAS, folder) as cameras:
            base = ["ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp"]
            peers = [
                subprocess.Popen([*base, "-i", url, *arguments(n)], cwd=disk_folder, stderr=subprocess.DEVNULL)
                for n, url in enumerate(cameras.urls)
            ]
            started_us = time.time_ns() // 1000
            time.sleep(random_seconds(seed, 12.0, 19.0, 1)[0])
            cut_us = disk.cut()
            for peer in peers:
                peer.kill()
                peer.wait()
            disk.power_cycle()
            files = sorted(disk_folder.glob("*.mp4"))
            readable = [file for file in files if packets_of(file) > 0]
            kept = {file: newest_stamp_us(file.read_bytes()) for file in readable}
            losses = []
            for n in range(CAMERAS):
                newest = max((us for file, us in kept.items() if file.name.startswith(f"{n}-")), default=started_us)
                losses.append((cut_us - max(newest, started_us)) / 1e6)
            return max(losses), len(files) - len(readable)


@row("powercut-max", unit="s", better="lower", target=0.7, peer="ffmpeg -f segment -segment_time 10", turns=TURNS)
def powercut_max(options: Options) -> Turn:
    """The worst stream of the worst cut."""
    outcome = _turn("max", options)
    return Turn(max(outcome.lost_s), outcome.segments_s)


@row("powercut-median", unit="s", better="lower", target=0.30, peer="ffmpeg, fMP4 without flush, worst", turns=TURNS)
def powercut_median(options: Options) -> Turn:
    """The middle of all streams of all cuts."""
    outcome = _turn("median", options)
    return Turn(statistics.median(outcome.lost_s), outcome.fragments_s)


@row("powercut-unreadable", unit="files", better="lower", target=0, peer="ffmpeg -f segment", turns=TURNS)
def powercut_unreadable(options: Options) -> Turn:
    """Files no player reads, footage of others, holes before the loss, over all cuts of the turn; the peer: one cut."""
    outcome = _turn("unreadable", options)
    return Turn(outcome.unreadable, outcome.segments_unreadable)
