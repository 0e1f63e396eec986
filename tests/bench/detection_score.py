"""Scores detection on the footage of the assets: `python -m tests.bench.detection_score`.

Prints the table of accuracy for our thresholds and for all of them 20 % lower and higher, on each runtime asked for,
and draws a timeline per clip (build/detection-CLIP.png). One set of thresholds for all clips.

Ground truth is established by eye at n + 0.5 s of each second n, so presence is asked at that instant. Seconds in
which somebody is cut by the picture's edge are not scored.
"""

import argparse
import json
import struct
import sys
import time
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from appliance.core.units import US_PER_SECOND
from appliance.detection.decode import decode_file
from appliance.detection.gate import Watch
from appliance.detection.install import KNOWN, known_models
from appliance.detection.model import Model, Runtime
from appliance.detection.pipeline import Input, Pipeline
from appliance.detection.rules import Event
from appliance.detection.shapes import Kind
from appliance.detection.tamper import Truth
from appliance.detection.thresholds import THRESHOLDS, Thresholds
from appliance.site.detection import DetectionSettings, ZoneSettings

CLIPS: Final = ("parking", "hall_a", "road", "campus_a", "workshop", "tamper")
ENTRIES: Final = ("parking", "hall_a")
QUIET: Final = ("road", "campus_a")
"""Clips in which nobody enters: the road has no person, and the campus' zone is the lawn that stays empty."""

EARLY_S: Final = 0.3
"""Times of entries are known to 0.3 s."""

LIMIT_S: Final = {Truth.COVERED: 6.0, Truth.DEFOCUSED: 6.0, Truth.MOVED: 12.0, Truth.FROZEN: 6.0}
"""Seconds in which a state must be said."""

FACTORS: Final = (0.8, 1.0, 1.2)
BUILD: Final = Path(__file__).resolve().parents[2] / "build"

Truths = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Trace:
    """What the pipeline said about one clip; times in seconds."""

    clip: str
    length: float = 0.0
    times: list[float] = field(default_factory=list)
    present: list[bool] = field(default_factory=list)
    moving: list[bool] = field(default_factory=list)
    confirmed: list[tuple[float, Kind]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    squares: int = 0
    cpu_s: float = 0.0

    def present_at(self, second: float) -> bool:
        """Whether a person was there by the newest picture at that time."""
        index = bisect_right(self.times, second) - 1
        return index >= 0 and self.present[index]


@dataclass(slots=True)
class Score:
    """The table."""

    entries: list[float | None] = field(default_factory=list)
    hits: int = 0
    false: int = 0
    missed: int = 0
    quiet_false: int = 0
    tamper_missed: int = 0
    tamper_false: int = 0

    @property
    def entries_missed(self) -> int:
        """Entries that nothing was confirmed for."""
        return sum(delay is None for delay in self.entries)

    @property
    def delays(self) -> list[float]:
        """Seconds from entry to confirmation."""
        return sorted(delay for delay in self.entries if delay is not None)

    @property
    def entries_median(self) -> float:
        """Seconds."""
        return float(np.median(self.delays)) if self.delays else float("inf")

    @property
    def entries_max(self) -> float:
        """Seconds."""
        return max(self.delays, default=float("inf"))

    @property
    def precision(self) -> float:
        """Of person seconds."""
        return self.hits / max(1, self.hits + self.false)

    @property
    def recall(self) -> float:
        """Of person seconds."""
        return self.hits / max(1, self.hits + self.missed)


def run_clip(file: Path, clip: str, truth: dict[str, Any], model: Model, thresholds: Thresholds) -> Trace:
    """The pipeline over one clip, armed all the time."""
    polygons = [truth["zone_polygon"]] if "zone_polygon" in truth else []
    zones = tuple(ZoneSettings(name="zone", polygon=polygon) for polygon in polygons)
    pipeline = Pipeline(DetectionSettings(zone=zones), ZoneInfo("Europe/Paris"), thresholds=thresholds)
    wanted = Input.of(model.description)
    trace = Trace(clip)
    began = time.process_time()
    seen: set[int] = set()
    for picture in decode_file(file):
        second = picture.time_us / US_PER_SECOND
        events, work = pipeline.prepare(picture, Watch.PERSONS)
        if work is not None:
            events += pipeline.conclude(work, work.find(model.find, wanted, thresholds.weak), picture.time_us)
        trace.events += events
        trace.confirmed += [(second, t.kind) for t in pipeline.tracker.tracks if t.confirmed and t.number not in seen]
        seen |= {track.number for track in pipeline.tracker.tracks if track.confirmed}
        trace.times.append(second)
        trace.present.append(bool(pipeline.present(Kind.PERSON, picture.time_us)))
        trace.moving.append(pipeline.moving(picture.time_us))
        trace.length = second
    trace.cpu_s = time.process_time() - began
    trace.squares = pipeline.counts.squares
    return trace


def score(traces: Sequence[Trace], truths: Truths) -> Score:
    """The table over all clips."""
    made = Score()
    for trace in traces:
        truth = truths[trace.clip]
        if trace.clip in ENTRIES:
            made.entries += entry_delays(trace, truth["events"])
        if "person_seconds" in truth:
            _presence(made, trace, truth)
        if trace.clip in QUIET:
            made.quiet_false += sum(event.kind is Kind.PERSON for event in trace.events)
        missed, false = tamper_faults(trace, truth["events"])
        made.tamper_missed += missed
        made.tamper_false += false
    return made


def entry_delays(trace: Trace, events: Sequence[dict[str, Any]]) -> list[float | None]:
    """Per entry of a person: seconds to the first person confirmed for it, None when there is none."""
    free = [at for at, kind in trace.confirmed if kind is Kind.PERSON]
    delays: list[float | None] = []
    for event in events:
        if "person" not in event["cls"]:
            continue
        fitting = [at for at in free if event["start"] - EARLY_S <= at <= event["end"]]
        if fitting:
            free.remove(fitting[0])
        delays.append(max(0.0, fitting[0] - event["start"]) if fitting else None)
    return delays


def _presence(made: Score, trace: Trace, truth: dict[str, Any]) -> None:
    there = set(truth["person_seconds"])
    for second in range(int(trace.length)):
        if second in truth.get("ignore_person", ()):
            continue
        said = trace.present_at(second + 0.5)
        made.hits += said and second in there
        made.false += said and second not in there
        made.missed += not said and second in there


def tamper_faults(trace: Trace, events: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """(states not said in time, states said that were not so)."""
    said = [(event.time_us / US_PER_SECOND, event.rule) for event in trace.events if not event.ended]
    said = [(at, rule) for at, rule in said if rule in set(Truth)]
    missed = 0
    for event in events:
        state = str(event.get("state", "")).partition(" ")[0]
        if state not in set(Truth):
            continue
        until = event["start"] + LIMIT_S[Truth(state)]
        fitting = [one for one in said if one[1] == state and event["start"] <= one[0] <= until]
        missed += not fitting
        said = [one for one in said if one not in fitting[:1]]
    return missed, len(said)


def table(named: Sequence[tuple[str, Score]]) -> str:
    """For a person."""
    rows: list[tuple[str, list[str]]] = [
        ("entries missed", [f"{s.entries_missed} of {len(s.entries)}" for _, s in named]),
        ("entries median s", [f"{s.entries_median:.1f}" for _, s in named]),
        ("entries max s", [f"{s.entries_max:.1f}" for _, s in named]),
        ("presence precision", [f"{s.precision:.3f}" for _, s in named]),
        ("presence recall", [f"{s.recall:.3f}" for _, s in named]),
        ("quiet false", [str(s.quiet_false) for _, s in named]),
        ("tamper missed", [str(s.tamper_missed) for _, s in named]),
        ("tamper false", [str(s.tamper_false) for _, s in named]),
    ]
    lines = [f"{'':20}" + "".join(f"{name:>28}" for name, _ in named)]
    lines += [f"{title:20}" + "".join(f"{value:>28}" for value in values) for title, values in rows]
    return "\n".join(lines)


def load_truths(assets: Path) -> Truths:
    """The ground truth of all clips."""
    found: Truths = json.loads((assets / "videos" / "ground_truth.json").read_text(encoding="utf-8"))
    return found


def model_of(name: str, assets: Path, runtime: Runtime | None = None) -> Model:
    """A model of the assets on the runtime it names, or on another."""
    (description,) = [one for one in known_models(KNOWN) if one.name == name]
    if runtime is not None:
        description = description.model_copy(update={"interpreter": runtime})
    return Model(description, assets / "models")


def run_all(assets: Path, model: Model, thresholds: Thresholds, stream: str = "sub") -> list[Trace]:
    """Every clip that has this stream."""
    truths = load_truths(assets)
    files = [(clip, assets / "videos" / f"{clip}_{stream}.mp4") for clip in CLIPS]
    return [run_clip(file, clip, truths[clip], model, thresholds) for clip, file in files if file.exists()]


Colours = npt.NDArray[np.uint8]
_PIXELS_A_SECOND: Final = 12
_BAND: Final = 18
_GREY, _GREEN, _RED, _AMBER, _BLUE, _BLACK = (
    (225, 225, 225),
    (60, 160, 80),
    (205, 50, 50),
    (235, 165, 40),
    (60, 110, 200),
    (20, 20, 20),
)


def timeline(trace: Trace, truth: dict[str, Any]) -> Colours:
    """Bands from top: truth (green person, amber vehicle or tampering), said (green right, red wrong), motion (blue);
    black strokes: persons confirmed; red strokes in the fourth band: events. Twelve pixels a second, a tick each 10 s.
    """
    width = int(trace.length + 1) * _PIXELS_A_SECOND
    made = np.full((_BAND * 5, width, 3), 255, np.uint8)

    def fill(band: int, begin: float, end: float, colour: tuple[int, int, int]) -> None:
        left, right = (int(second * _PIXELS_A_SECOND) for second in (begin, end))
        made[band * _BAND + 1 : (band + 1) * _BAND - 1, left : max(left + 2, right)] = colour

    for band in range(5):
        fill(band, 0, trace.length + 1, _GREY)
    for event in truth["events"]:
        begin, end = event["start"], event["end"]
        if event.get("state") != "normal":
            fill(0, begin, end, _GREEN if "person" in event.get("cls", "") else _AMBER)
    there = set(truth.get("person_seconds", ()))
    for index, at in enumerate(trace.times):
        if trace.present[index]:
            unknown = "person_seconds" not in truth or int(at) in truth.get("ignore_person", ())
            fill(1, at, at + 0.2, _AMBER if unknown else (_GREEN if int(at) in there else _RED))
        if trace.moving[index]:
            fill(2, at, at + 0.2, _BLUE)
    for at, kind in trace.confirmed:
        if kind is Kind.PERSON:
            fill(1, at, at, _BLACK)
    for said in trace.events:
        fill(3, said.time_us / US_PER_SECOND, said.time_us / US_PER_SECOND, _AMBER if said.ended else _RED)
    for second in range(0, int(trace.length) + 1, 10):
        fill(4, second, second, _BLACK)
    return made


def write_png(file: Path, pixels: Colours) -> None:
    """An RGB picture (PNG, W3C second edition: signature, IHDR, IDAT, IEND; filter 0 on each row)."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b""))


def main(arguments: Sequence[str]) -> int:
    """0: printed; 1: no footage here."""
    parser = argparse.ArgumentParser(prog="detection_score", description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="folder with videos/ and models/")
    parser.add_argument("--model", default="yolox-nano-ti-320", help="name of a known model")
    parser.add_argument("--runtime", choices=("litert", "tflite"), help="another runtime than the model's")
    parser.add_argument("--stream", choices=("sub", "main"), default="sub")
    asked = parser.parse_args(arguments)
    if not (asked.assets / "videos" / "ground_truth.json").exists():
        print(f"no footage in {asked.assets}", file=sys.stderr)
        return 1
    truths = load_truths(asked.assets)
    model = model_of(asked.model, asked.assets, asked.runtime)
    named = []
    for factor in FACTORS:
        traces = run_all(asked.assets, model, THRESHOLDS.scaled(factor), asked.stream)
        named.append((f"thresholds x {factor:g}", score(traces, truths)))
        if factor == 1.0:
            for trace in traces:
                file = BUILD / f"detection-{trace.clip}.png"
                write_png(file, timeline(trace, truths[trace.clip]))
                cost = f"{1000 * trace.cpu_s / trace.length:.0f} ms CPU a second"
                print(f"{trace.clip}: {cost}, {trace.squares / trace.length:.1f} squares a second; {file}")
    print(f"{asked.model} on {model.runtime}, {asked.stream} streams")
    print(table(named))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
