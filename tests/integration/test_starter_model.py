"""The committed starter model on pictures that no training has seen: it finds what the demonstration draws.

Pictures, crops and finds go through the detector's own code. All this says nothing about real pictures: the model is
there to show the chain where there is no other, and is named *demo*.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from appliance.demo.actors import PERSON, VEHICLE
from appliance.demo.scenes import LOOP_S, SCENES
from appliance.detection.decode import Picture
from appliance.detection.install import DEMO, known_models, load_best, models_in
from appliance.detection.model import Model, read_description
from appliance.detection.shapes import WHOLE, Box, Detection, Kind, intersection, overlap
from appliance.detection.thresholds import THRESHOLDS
from tests.peers.drawn import HIDDEN, MOMENTS, UNSEEN, Seen, Shot, demo_shots, random_crop, shots

LABELS = (PERSON, VEHICLE)

SAME = 0.5
"""Overlap (IoU) from which a find is right about where."""

SMALL = 22
"""Pixels of the input's height: smaller ones need not be found. Such a figure is 4 pixels wide; the detector looks at
what moves in crops, where the smallest of the demonstration has three times as many."""

FILMS = 60

Tally = Counter[tuple[str, str]]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(read_description(DEMO / "demo.toml"), DEMO)


def looked_at(model: Model, looks: Iterable[tuple[Shot, Box]]) -> tuple[Tally, int]:
    """What is found, missed and wrong by label, and how many looks there were."""
    tally, count, scaler, asked = Tally(), 0, VideoReformatter(), model.description
    for shot, crop in looks:
        picture = Picture(shot.frame, 0, 0, scaler)
        pixels, placed = picture.view(crop, asked.width, asked.height, asked.order, asked.fill)
        finds = [find._replace(box=placed.back(find.box)) for find in model.find(pixels, THRESHOLDS.sure)]
        scale = placed.high / placed.box.height
        judge(finds, within(shot.seen, placed.box, SMALL / scale), tally)
        count += 1
    return tally, count


def within(seen: Iterable[Seen], crop: Box, small: float) -> list[Seen]:
    """Who is in the crop, cut at its sides. Of figures less high than `small` nothing is said to show."""
    found = []
    for one in seen:
        box = Box(*one.box)
        inside = Box(*map(max, box[:2], crop[:2]), *map(min, box[2:], crop[2:]))
        if intersection(box, crop) > 0:
            large = one.label != PERSON or box.height >= small
            found.append(Seen(one.label, inside, large * one.shows * inside.area / box.area))
    return found


def judge(finds: list[Detection], seen: list[Seen], tally: Tally) -> None:
    """Count. Those of whom hardly anything shows count neither way."""
    left = list(seen)
    for box, kind, _ in sorted(finds, key=lambda find: -find.score):
        alike = [one for one in left if one.label == kind]
        best = max(alike, key=lambda one: overlap(box, Box(*one.box)), default=None)
        if best is not None and overlap(box, Box(*best.box)) >= SAME:
            left.remove(best)
            tally[kind, "found"] += best.shows >= HIDDEN
        else:
            hidden = (Box(*one.box) for one in seen if one.label == kind and one.shows < HIDDEN)
            tally[kind, "wrong"] += not any(intersection(box, his) > 0.5 * his.area for his in hidden)
    for one in left:
        tally[one.label, "missed"] += one.shows >= HIDDEN


def recall(tally: Tally, label: str) -> float:
    return tally[label, "found"] / max(1, tally[label, "found"] + tally[label, "missed"])


def precision(tally: Tally, label: str) -> float:
    return tally[label, "found"] / max(1, tally[label, "found"] + tally[label, "wrong"])


@pytest.fixture(
    scope="module",
    params=[False, pytest.param(True, marks=pytest.mark.full)],
    ids=["demonstration's places", "any place"],
)
def unseen(model: Model, request: pytest.FixtureRequest) -> tuple[Tally, float]:
    """Whole pictures and motion's crops of films that no training has seen; what share is asked for."""
    wild: bool = request.param

    def looks() -> Iterator[tuple[Shot, Box]]:
        for seed in range(UNSEEN, UNSEEN + FILMS):
            random = np.random.default_rng(seed)
            for shot in shots(seed, wild=wild):
                yield shot, WHOLE
                yield shot, Box(*random_crop(random, shot))

    tally, count = looked_at(model, looks())
    assert count == FILMS * MOMENTS * 2
    return tally, 0.85 if wild else 0.9  # walls and floors of any colour: clothes are like them now and then


@pytest.mark.full
@pytest.mark.parametrize("label", LABELS)
def test_what_was_never_seen_before_is_found(label: str, unseen: tuple[Tally, float]) -> None:
    tally, share = unseen
    assert tally[label, "found"] + tally[label, "missed"] > 120
    assert recall(tally, label) >= share, tally
    assert precision(tally, label) >= share, tally


def test_the_demonstration_s_own_scenes_are_understood(model: Model) -> None:
    total = Tally()
    for scene in SCENES:
        moments = [second + 0.5 for second in range(LOOP_S)]
        tally, count = looked_at(model, ((shot, WHOLE) for shot in demo_shots(scene, moments)))
        assert count == LOOP_S
        assert scene != "couloir" or not tally  # nobody is there: not one mistake
        total += tally
    for label in LABELS:
        assert recall(total, label) >= 0.95, total
        assert precision(total, label) >= 0.95, total


def test_a_model_that_sees_nothing_or_too_much_would_fail() -> None:
    seen = [Seen(PERSON, Box(0.1, 0.1, 0.2, 0.5), 1.0), Seen(VEHICLE, Box(0.5, 0.5, 0.9, 0.7), HIDDEN / 2)]
    blind, eager = Tally(), Tally()
    judge([], seen, blind)
    judge([Detection(Box(0.1 * x, 0.1, 0.1 * x + 0.1, 0.5), Kind.PERSON, 0.9) for x in range(4)], seen, eager)
    assert (recall(blind, PERSON), blind[VEHICLE, "missed"]) == (0.0, 0)
    assert (recall(eager, PERSON), precision(eager, PERSON)) == (1.0, 0.25)


def test_the_file_is_the_one_described_small_our_own_and_never_first() -> None:
    described = read_description(DEMO / "demo.toml")  # `Model` compares the file with its sha256
    assert (DEMO / described.file).stat().st_size <= 300_000
    assert (described.name, described.demo, described.licence) == ("demo", True, "EUPL-1.2")
    assert list(described.kinds.values()) == list(LABELS)
    assert described.name not in {one.name for one in known_models()}  # no site comes by it unasked


def test_it_is_used_where_its_folder_is_named_and_no_real_model_is(tmp_path: Path) -> None:
    chosen = load_best([DEMO], known_models())
    assert chosen is not None
    assert chosen.description.demo
    assert load_best([tmp_path], known_models()) is None
    (tmp_path / known_models()[0].file).touch()  # a real one, though of low rank, goes before it
    found = [one.description for one in models_in([DEMO, tmp_path], known_models())]
    assert [one.demo for one in found] == [False, True]
