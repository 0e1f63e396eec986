"""The footage of the assets as other cameras would have sent it: `python -m tests.bench.detection_stress`.

Thresholds chosen on six clips may fit those six alone. Each variant re-encodes all of them (another size, light,
rate, coder's setting, side), and the same thresholds are scored on it: what falls with a variant was never general.
Hard variants lose persons of 20 lines, as any camera of that quality does, and noise or a rate that is kept up moves
each picture of a frozen one; their lines say how much.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import av
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from appliance.detection.model import Model
from appliance.detection.thresholds import THRESHOLDS, Thresholds
from tests.bench.detection_score import CLIPS, Score, Truths, load_truths, model_of, run_clip, score


@dataclass(frozen=True, slots=True)
class Variant:
    """How a camera differs. `filters`: libav's filter chain; `crf`: x264's quality; `kbps`: a rate instead of it;
    `gop`: pictures; `source`: the stream that is re-encoded where a clip has it; `hard`: targets are not asked of it.
    """

    name: str
    filters: str = "null"
    crf: int = 23
    kbps: int = 0
    gop: int = 20
    source: str = "sub"
    mirrored: bool = False
    hard: bool = False


VARIANTS: Final = (
    Variant("mirrored", "hflip", mirrored=True),
    Variant("0.75 of the size", "scale=trunc(iw*0.375)*2:trunc(ih*0.375)*2"),
    Variant("1.5 of the size", "scale=trunc(iw*0.75)*2:trunc(ih*0.75)*2"),
    Variant("720p main at 10 fps", "fps=10", source="main"),
    Variant("darker by 40 levels", "lutyuv=y=clip(val-40\\,16\\,235)"),
    Variant("brighter by 40 levels", "lutyuv=y=clip(val+40\\,16\\,235)"),
    Variant("contrast x 0.6", "lutyuv=y=clip((val-128)*0.6+128\\,16\\,235)"),
    Variant("contrast x 1.4", "lutyuv=y=clip((val-128)*1.4+128\\,16\\,235)"),
    Variant("grey", "hue=s=0"),
    Variant("5 fps", "fps=5", gop=10),
    Variant("GOP 100", gop=100),
    Variant("GOP 5", gop=5),
    Variant("slightly soft", "gblur=sigma=1"),
    Variant("100 kbit/s", kbps=100, hard=True),
    Variant("noise sigma 8", "noise=alls=14:allf=t", hard=True),
    Variant("0.5 of the size", "scale=trunc(iw*0.25)*2:trunc(ih*0.25)*2", hard=True),
    Variant("60 kbit/s", kbps=60, hard=True),
    Variant("noise sigma 16", "noise=alls=28:allf=t", hard=True),
)


def make(source: Path, target: Path, variant: Variant) -> None:
    """Re-encode `source` as the variant says. Blocks."""
    with av.open(str(source)) as read, av.open(str(target), "w") as written:
        video = read.streams.video[0]
        graph = Graph()
        first = graph.add_buffer(template=video)
        last = graph.add("buffersink")
        before = first
        for step in variant.filters.split(",") if "\\" not in variant.filters else [variant.filters]:
            name, _, arguments = step.partition("=")
            here = graph.add(name, arguments or None)
            before.link_to(here)
            before = here
        before.link_to(last)
        graph.configure()
        out: VideoStream | None = None

        def drain() -> None:
            nonlocal out
            while True:
                try:
                    frame = graph.pull()
                except (av.error.BlockingIOError, av.error.EOFError):
                    return
                assert isinstance(frame, VideoFrame)
                if out is None:
                    rate = Fraction(5) if "fps=5" in variant.filters else Fraction(10)
                    out = _stream(written, frame, rate, variant)
                frame.pict_type = 0
                written.mux(out.encode(frame))

        for frame in read.decode(video):
            graph.push(frame)
            drain()
        graph.push(None)
        drain()
        assert out is not None
        written.mux(out.encode(None))


def _stream(written: Any, frame: VideoFrame, rate: Fraction, variant: Variant) -> VideoStream:
    out = written.add_stream("libx264", rate=rate)
    assert isinstance(out, VideoStream)
    out.width, out.height, out.pix_fmt = frame.width, frame.height, "yuv420p"
    if frame.time_base is not None:
        out.codec_context.time_base = frame.time_base
    out.codec_context.gop_size = variant.gop
    quality = {"crf": str(variant.crf)}
    if variant.kbps:
        out.bit_rate = variant.kbps * 1000
        quality = {"maxrate": f"{variant.kbps}k", "bufsize": f"{variant.kbps}k"}
    out.options = {"preset": "veryfast", "bf": "0", "scenecut": "0", "threads": "1", **quality}
    return out


def truths_of(truths: Truths, variant: Variant) -> Truths:
    """The ground truth in the variant's picture."""
    if not variant.mirrored:
        return truths
    return {
        clip: truth | {"zone_polygon": [[1 - x, y] for x, y in truth["zone_polygon"]]}
        if "zone_polygon" in truth
        else truth
        for clip, truth in truths.items()
    }


def scored(
    assets: Path, folder: Path, variant: Variant, model: Model, thresholds: Thresholds = THRESHOLDS
) -> tuple[Score, dict[str, Score]]:
    """(all clips, each by itself) of one variant, encoded into `folder`."""
    truths = truths_of(load_truths(assets), variant)
    traces = []
    for clip in CLIPS:
        source = assets / "videos" / f"{clip}_{variant.source}.mp4"
        if not source.exists():
            source = assets / "videos" / f"{clip}_sub.mp4"
        file = folder / f"{clip}.mp4"
        make(source, file, variant)
        traces.append(run_clip(file, clip, truths[clip], model, thresholds))
    return score(traces, truths), {trace.clip: score([trace], truths) for trace in traces}


def line(name: str, found: Score) -> str:
    """For a person."""
    entries = f"{found.entries_missed:>4} of {len(found.entries)}{found.entries_median:>8.1f}{found.entries_max:>6.1f}"
    presence = f"{found.precision:>8.3f}{found.recall:>7.3f}{found.quiet_false:>7}"
    return f"{name:24}{entries}{presence}{found.tamper_missed:>8}{found.tamper_false:>6}"


HEAD: Final = f"{'':24}{'missed':>9}{'median':>8}{'max':>6}{'P':>8}{'R':>7}{'quiet':>7}{'tamper-':>8}{'+':>6}"


def main(arguments: Sequence[str]) -> int:
    """0: printed; 1: no footage here."""
    parser = argparse.ArgumentParser(prog="detection_stress", description=__doc__)
    parser.add_argument("--assets", type=Path, required=True, help="folder with videos/ and models/")
    parser.add_argument("--model", default="yolox-nano-ti-320", help="name of a known model")
    parser.add_argument("--only", default="", help="variants whose name has this in it")
    parser.add_argument("--by-clip", action="store_true", help="a line for each clip too")
    asked = parser.parse_args(arguments)
    if not (asked.assets / "videos" / "ground_truth.json").exists():
        print(f"no footage in {asked.assets}", file=sys.stderr)
        return 1
    model = model_of(asked.model, asked.assets)
    print(HEAD)
    for variant in VARIANTS:
        if asked.only not in variant.name:
            continue
        with TemporaryDirectory() as folder:
            whole, parts = scored(asked.assets, Path(folder), variant, model)
        print(line(variant.name + (" (hard)" if variant.hard else ""), whole), flush=True)
        for clip, part in parts.items() if asked.by_clip else ():
            print(line("    " + clip, part))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
