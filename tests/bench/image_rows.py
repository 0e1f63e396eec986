"""Rows of the image: size of a slot, memory and time of a start, the weakest sandbox. From what was built and started.

`make image` and `make image-test` come first: a row whose figure was never made is not measured.
"""

import json
from typing import Any

from tests.bench.row import Missing, Options, Turn, row
from tests.peers.need import ROOT

IMAGE = ROOT / "build/image"
STARTS = ROOT / "build/image-test"


def _told(start: str) -> dict[str, Any]:
    """What the box told of that start in the last `make image-test`."""
    file = STARTS / f"{start}.json"
    if not file.exists():
        raise Missing("a start of the image: make image-test")
    told: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return told


@row("image-slot-mb", unit="MB", better="lower", target=350)
def slot(_options: Options) -> Turn:
    """Root and hash tree of one slot, as they lie on the disk."""
    files = [IMAGE / "seal/root.erofs", IMAGE / "seal/root.verity"]
    if not all(file.exists() for file in files):
        raise Missing("an image: make image")
    return Turn(sum(file.stat().st_size for file in files) / 1e6)


@row("image-boot-s", unit="s", better="lower", target=300)
def boot(_options: Options) -> Turn:
    """From power-on to the first recorded picture, under software emulation."""
    return Turn(_told("first")["recording_s"])


@row("image-recorder-start-s", unit="s", better="lower", target=10)
def recorder(_options: Options) -> Turn:
    """From mounted disks (local-fs) to the recorder's READY, its first start on an empty disk; nothing emulated."""
    times = _told("container")["times"]
    return Turn(times["appliance-recorder.service"][1] - times["local-fs.target"][1])


@row("image-ram-mb", unit="MB", better="lower", target=450)
def memory(_options: Options) -> Turn:
    """In use with every service running and no camera that answers."""
    return Turn(_told("idle")["used_mib"] * 1.048576)


@row("unit-score-max", unit="exposure", better="lower", target=2.0)
def score(_options: Options) -> Turn:
    """The weakest sandbox of all our units, those of the start included, by systemd's own score."""
    file = ROOT / "build/evidence/unit-scores.json"
    if not file.exists():
        raise Missing("an image: make image")
    return Turn(max(json.loads(file.read_text(encoding="utf-8")).values()))
