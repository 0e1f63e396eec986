"""Detection on real footage with real models and runtimes, where the assets are; what it must find and must not.

The targets are the product's own (see tests/bench/detection_rows.py, which measures them); here they are a floor.
"""

import importlib
import json
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from appliance import cli
from appliance.detection.decode import decode_file
from appliance.detection.install import known_models, models_in
from appliance.detection.model import MODULES, Runtime
from appliance.detection.shapes import WHOLE, Kind
from appliance.detection.thresholds import THRESHOLDS
from tests.bench.detection_score import CLIPS, Trace, load_truths, model_of, run_clip, score, timeline, write_png
from tests.bench.detection_stress import VARIANTS, scored
from tests.peers.need import need_assets

YOLOX = "yolox-nano-ti-320"
SSD = "ssd-mobilenet-v1-300"
FILES = {YOLOX: "yolox_nano_ti_lite_320_int8.tflite", SSD: "ssd_mobilenet_v1_coco_quant_300.tflite"}

SITE = """\
[site]
name = "Collège Jean Moulin"
place = "Mantes-la-Jolie"
kind = "school"
[[camera]]
id = "parking"
name = "Parking"
place = "Parking du personnel"
main = "rtsp://10.20.0.11/main"
legal_zone = "non_public"
area_type = "car_park"
purpose = "levée de doute"
view = "wide"
[camera.detection]
aipd = "AIPD 2026-014"
[[camera.detection.line]]
name = "entrée"
start = [0.0, 0.35]
end = [1.0, 0.35]
[[camera.detection.zone]]
name = "allée"
polygon = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]
hours = ["02:00-02:01"]
[[disk]]
path = "disk-a"
[calendar.hours]
monday = ["08:00-18:00"]
tuesday = ["08:00-18:00"]
wednesday = ["08:00-18:00"]
thursday = ["08:00-18:00"]
friday = ["08:00-18:00"]
"""


@cache
def traced(assets: Path, clip: str, model: str = YOLOX) -> Trace:
    file = assets / "videos" / f"{clip}_sub.mp4"
    return run_clip(file, clip, load_truths(assets)[clip], model_of(model, assets), THRESHOLDS)


def footage(*clips: str, model: str = YOLOX) -> Path:
    files = [f"videos/{clip}_sub.mp4" for clip in clips]
    return need_assets("videos/ground_truth.json", f"models/{FILES[model]}", *files)


@pytest.mark.parametrize("runtime", MODULES)
def test_both_runtimes_are_installed_and_need_nothing_else(runtime: Runtime) -> None:
    assert importlib.import_module(MODULES[runtime]).Interpreter


def test_every_entry_is_confirmed_and_nobody_else() -> None:
    assets = footage("parking", "hall_a")
    made = score([traced(assets, "parking"), traced(assets, "hall_a")], load_truths(assets))
    assert len(made.entries) == 6
    assert made.entries_missed == 0
    assert made.entries_median <= 1.0
    assert made.entries_max <= 2.0
    assert made.precision >= 0.98
    assert made.recall >= 0.92


@pytest.mark.full
def test_cars_alone_and_an_empty_lawn_alert_nobody() -> None:
    assets = footage("road", "campus_a")
    made = score([traced(assets, "road"), traced(assets, "campus_a")], load_truths(assets))
    assert (made.quiet_false, made.false, made.tamper_false) == (0, 0, 0)
    assert sum(kind is Kind.PERSON for _, kind in traced(assets, "campus_a").confirmed) >= 10


def test_each_tampering_is_said_in_time_and_none_that_is_not() -> None:
    assets = footage("tamper", "parking", "hall_a", "road")
    truths = load_truths(assets)
    made = score([traced(assets, clip) for clip in ("tamper", "parking", "hall_a", "road")], truths)
    assert (made.tamper_missed, made.tamper_false) == (0, 0)


@pytest.mark.full  # encodes and decodes all clips once more
@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["mirrored", "1.5 of the size", "contrast x 1.4", "GOP 100", "slightly soft"])
def test_the_same_thresholds_hold_for_other_cameras_of_the_same_scenes(name: str, tmp_path: Path) -> None:
    assets = footage(*CLIPS)
    variant = next(one for one in VARIANTS if one.name == name)
    made, _ = scored(assets, tmp_path, variant, model_of(YOLOX, assets))
    assert (made.entries_missed, made.quiet_false, made.tamper_missed, made.tamper_false) == (0, 0, 0, 0)
    assert made.precision >= 0.98
    assert made.recall >= 0.92
    assert made.entries_median <= 1.0


@pytest.mark.full  # the first model stands for both in the quick tier
def test_the_second_model_finds_the_hall_s_persons() -> None:
    assets = footage("hall_a", model=SSD)
    made = score([traced(assets, "hall_a", SSD)], load_truths(assets))
    assert made.entries_missed == 0
    assert made.false <= 1  # one second behind a person who has just left


@pytest.mark.parametrize("name", [YOLOX, SSD])
def test_both_runtimes_find_the_same(name: str) -> None:
    assets = footage("campus_a", model=name)
    first = next(decode_file(assets / "videos" / "campus_a_sub.mp4"))
    found = []
    for runtime in MODULES:
        model = model_of(name, assets, runtime)
        assert not model.fell_back
        d = model.description
        pixels, _ = first.view(WHOLE, d.width, d.height, d.order, d.fill)
        found.append(model.find(pixels))
    assert abs(len(found[0]) - len(found[1])) <= 1
    assert found[0]
    assert abs(found[0][0].score - found[1][0].score) <= 0.15  # different kernels: the largest difference seen


def test_the_best_model_of_the_assets_is_chosen() -> None:
    assets = footage("road")
    assert models_in([assets / "models"], known_models())[0].description.name == YOLOX


def test_detect_prints_events_and_disregards_hours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = footage("parking")
    monkeypatch.setenv("APPLIANCE_ASSETS", str(assets))
    site = tmp_path / "site.toml"
    site.write_text(SITE, encoding="utf-8")
    video = str(assets / "videos" / "parking_sub.mp4")
    assert cli.main(["detect", video, "--camera", "parking", "--site", str(site)]) == cli.OK
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["rule"] for line in lines} <= {"intrusion", "line"}
    assert sum(line["rule"] == "intrusion" for line in lines) == 3
    for line in lines:
        assert set(line) == {"time", "rule", "zone", "class", "box", "score", "track"}
        assert line["class"] == "person"
        assert all(0 <= value <= 1 for value in line["box"])


def test_a_timeline_is_a_picture(tmp_path: Path) -> None:
    trace = Trace("made", 3.0, [0.0, 0.2], [True, False], [True, True], [(0.2, Kind.PERSON)])
    truth = {"events": [{"cls": "person", "start": 0, "end": 2}], "person_seconds": [0, 1]}
    pixels = timeline(trace, truth)
    assert tuple(pixels[3, 5]) != tuple(pixels[3, 40])
    write_png(tmp_path / "made.png", pixels)
    with av.open(str(tmp_path / "made.png")) as container:
        (shown,) = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert np.array_equal(shown, pixels)
