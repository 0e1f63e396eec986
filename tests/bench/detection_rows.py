"""Rows of detection: accuracy on the assets' footage, what an idle camera costs, memory of a worker.

The accuracy of one turn is scored once for all rows. It is the same in each turn but for the runtime's own rounding;
the peer is the same model on the other runtime, scored once.
"""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from appliance.core.units import US_PER_SECOND
from appliance.detection.decode import decode_file
from appliance.detection.gate import Watch
from appliance.detection.pipeline import Pipeline
from appliance.detection.thresholds import THRESHOLDS
from appliance.site.detection import DetectionSettings
from tests.bench.detection_score import Score, load_truths, model_of, run_all, score
from tests.bench.row import Missing, Options, Turn, row
from tests.peers.need import assets_folder

MODEL: Final = "yolox-nano-ti-320"
PEER: Final = "the same on tflite-runtime"
IDLE_CLIP: Final = "hall_a_sub.mp4"
IDLE_S: Final = 6.0
"""The hall is empty for its first six seconds; they are played ten times over."""

IDLE_LAPS: Final = 10


def _assets() -> Path:
    folder = assets_folder()
    if folder is None or not (folder / "videos" / "ground_truth.json").exists():
        raise Missing("assets (videos and models)")
    return folder


@cache
def _scored(turn: int) -> Score:
    assets = _assets()
    return score(run_all(assets, model_of(MODEL, assets), THRESHOLDS), load_truths(assets))


@cache
def _peer() -> Score | None:
    assets = _assets()
    model = model_of(MODEL, assets, "tflite")
    if model.fell_back:
        return None
    return score(run_all(assets, model, THRESHOLDS), load_truths(assets))


_turns: Counter[str] = Counter()


def _declare(name: str, unit: str, target: float, value: Callable[[Score], float], *, higher: bool = False) -> None:
    def measure(options: Options) -> Turn:
        _turns[name] += 1
        ours = value(_scored(_turns[name]))
        peer = None if options.quick else _peer()
        return Turn(ours, None if peer is None else value(peer))

    row(name, unit=unit, better="higher" if higher else "lower", target=target, peer=PEER)(measure)


_declare("entries-missed", "entries", 0, lambda s: s.entries_missed)
_declare("entries-median", "s", 1.0, lambda s: s.entries_median)
_declare("entries-max", "s", 2.0, lambda s: s.entries_max)
_declare("presence-precision", "", 0.98, lambda s: s.precision, higher=True)
_declare("presence-recall", "", 0.92, lambda s: s.recall, higher=True)
_declare("quiet-false", "alerts", 0, lambda s: s.quiet_false)
_declare("tamper-missed", "states", 0, lambda s: s.tamper_missed)
_declare("tamper-false", "states", 0, lambda s: s.tamper_false)


@row("idle-camera", unit="ms CPU/s", better="lower", target=15)
def idle_camera(_options: Options) -> Turn:
    """Decoding of all pictures of a 360p sub-stream at 10 a second, gate and camera truth at 5, of an empty hall."""
    file = _assets() / "videos" / IDLE_CLIP
    pipeline = Pipeline(DetectionSettings(), ZoneInfo("Europe/Paris"))
    began, seconds = time.process_time(), 0.0
    for _ in range(IDLE_LAPS):
        for picture in decode_file(file):
            if picture.time_us >= IDLE_S * US_PER_SECOND:
                break
            pipeline.prepare(picture, Watch.PERSONS)
        seconds += IDLE_S
    return Turn(1000 * (time.process_time() - began) / seconds)


_WORKER: Final = """
import sys
from pathlib import Path
from zoneinfo import ZoneInfo
from appliance.detection.decode import decode_file
from appliance.detection.gate import Watch
from appliance.detection.install import known_models, load_best
from appliance.detection.pipeline import Input, Pipeline
from appliance.site.detection import DetectionSettings
model = load_best([Path(sys.argv[1])], known_models())
pipeline = Pipeline(DetectionSettings(), ZoneInfo("Europe/Paris"))
def kib():
    lines = Path("/proc/self/status").read_text().splitlines()
    told = dict(line.split(":") for line in lines if line.startswith(("RssAnon", "VmHWM")))
    return int(told["RssAnon"].split()[0]), int(told["VmHWM"].split()[0])
own = resident = 0
for number, picture in enumerate(decode_file(Path(sys.argv[2]))):
    pipeline.look(picture, Watch.PERSONS, model.find, Input.of(model.description))
    if number % 10 == 0:
        now, resident = kib()
        own = max(own, now)
print(own / 1024, resident / 1024)
"""


def _memory() -> tuple[float, float]:
    """(own, resident) of a process that decodes, gates and runs the model on a clip, at their highest; MB."""
    assets = _assets()
    arguments = [str(assets / "models"), str(assets / "videos" / "parking_sub.mp4")]
    done = subprocess.run([sys.executable, "-c", _WORKER, *arguments], capture_output=True, text=True, check=True)
    own, resident = map(float, done.stdout.split())
    return own, resident


@row("detect-memory", unit="MB", better="lower", target=80)
def detect_memory(_options: Options) -> Turn:
    """What is the worker's own: anonymous memory, interpreter and model's weights and arena included.

    Not in it, and in `detect-memory-resident`: pages of the files of Python, libav, numpy and LiteRT, which the kernel
    takes back when memory is short and which a second worker shares.
    """
    return Turn(_memory()[0])


@row("detect-memory-resident", unit="MB", better="lower")
def detect_memory_resident(_options: Options) -> Turn:
    """All that is resident at the highest, libraries' file pages and those that only the start needed included."""
    return Turn(_memory()[1])
