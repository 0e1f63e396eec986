"""One camera's way from pictures to events, with a model that sees what was drawn."""

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from appliance.detection.decode import Pixels
from appliance.detection.gate import Watch
from appliance.detection.motion import STILL
from appliance.detection.pipeline import Input, Pipeline, Work, once
from appliance.detection.rules import Event
from appliance.detection.shapes import WHOLE, Box, Detection, Kind
from appliance.site.detection import DetectionSettings, IgnoreSettings, ZoneSettings
from tests.peers.views import STEP_US, noisy, picture, walk, with_boxes, yard

PARIS: Final = ZoneInfo("Europe/Paris")
WANTED: Final = Input(320, 320, "rgb", 114)
LOWER: Final = ((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))
LAWN: Final = DetectionSettings(zone=(ZoneSettings(name="pelouse", polygon=LOWER),))


class Scene:
    """Objects that walk through the yard; `calls` counts looks of the model, which is right about all of them."""

    def __init__(self, settings: DetectionSettings = LAWN, **more: Any) -> None:
        self.pipeline = Pipeline(settings, PARIS, **more)
        self.number = 0
        self.calls = 0
        self.events: list[Event] = []

    def play(
        self,
        steps: Sequence[Sequence[tuple[Box, Kind]]],
        watch: Watch = Watch.PERSONS,
        score: float = 0.8,
    ) -> list[Event]:
        first = len(self.events)
        for objects in steps:
            luma = noisy(with_boxes(yard(), [box for box, _ in objects]), self.number)
            events, work = self.pipeline.prepare(picture(luma, self.number * STEP_US), watch)
            self.events += events
            if work is not None:
                found = [Detection(box, kind, score) for box, kind in objects if kind is not Kind.MOTION]
                self.calls += 1
                self.events += self.pipeline.conclude(work, found, work.time_us)
            self.number += 1
        return self.events[first:]


def walking(kind: Kind = Kind.PERSON, first: float = 0.1, last: float = 0.8) -> list[list[tuple[Box, Kind]]]:
    return [[(box, kind)] for box in walk(first, last, 30)]


EMPTY: Final[list[list[tuple[Box, Kind]]]] = [[]] * 15


def test_one_who_walks_on_the_lawn_is_an_intrusion_and_then_gone() -> None:
    scene = Scene()
    assert not scene.play(EMPTY)
    assert scene.calls == 0
    (event,) = scene.play(walking())
    assert (event.rule, event.zone, event.kind) == ("intrusion", "pelouse", Kind.PERSON)
    assert event.time_us - 15 * STEP_US < 2_500_000
    assert scene.pipeline.present(Kind.PERSON, (scene.number - 1) * STEP_US)
    scene.play(EMPTY)
    assert not scene.pipeline.present(Kind.PERSON, (scene.number - 1) * STEP_US)


def test_camera_truth_alone_looks_for_nobody() -> None:
    scene = Scene()
    scene.play(EMPTY, Watch.CAMERA_TRUTH)
    assert not scene.play(walking(), Watch.CAMERA_TRUTH)
    assert scene.calls == 0
    assert not scene.pipeline.tracker.tracks
    dark = [picture((yard() // 40).astype(np.uint8), (scene.number + n) * STEP_US) for n in range(40)]
    said = [one for shot in dark for one in scene.pipeline.prepare(shot, Watch.CAMERA_TRUTH)[0]]
    assert [str(one.rule) for one in said] == ["covered"]


def test_a_picture_that_must_not_be_analysed_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be analysed"):
        Pipeline(LAWN, PARIS).prepare(picture(yard(), 0), Watch.STATISTICS)


def test_who_was_there_before_disarming_is_not_known_after() -> None:
    scene = Scene()
    scene.play(EMPTY)
    scene.play(walking()[:15])
    scene.play(EMPTY[:1], Watch.CAMERA_TRUTH)
    assert not scene.pipeline.tracker.tracks


@pytest.mark.parametrize("kind", [Kind.ANIMAL, Kind.VEHICLE])
def test_others_than_persons_are_no_intrusion_here(kind: Kind) -> None:
    scene = Scene()
    scene.play(EMPTY)
    assert not scene.play(walking(kind))


def test_a_fox_that_looks_a_little_like_a_person_is_a_fox() -> None:
    scene = Scene()
    scene.play(EMPTY)
    pipeline = scene.pipeline
    for box in walk(0.1, 0.8, 30):
        luma = noisy(with_boxes(yard(), [box]), scene.number)
        _, work = pipeline.prepare(picture(luma, scene.number * STEP_US), Watch.PERSONS)
        both = [Detection(box, Kind.PERSON, 0.5), Detection(box, Kind.ANIMAL, 0.7)]
        assert work is None or not pipeline.conclude(work, both, work.time_us)
        scene.number += 1


def test_ignored_places() -> None:
    everywhere = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    ignoring = LAWN.model_copy(update={"ignore": (IgnoreSettings(polygon=everywhere),)})
    scene = Scene(ignoring)
    scene.play(EMPTY)
    assert not scene.play(walking())
    assert scene.calls == 0


def test_without_a_model_what_moves_is_told_by_size() -> None:
    scene = Scene(kinds_known=False)
    scene.play(EMPTY)
    (event,) = scene.play(walking(Kind.MOTION))
    assert (event.rule, event.kind) == ("intrusion", Kind.MOTION)
    small = Scene(LAWN.model_copy(update={"zone": (LAWN.zone[0].model_copy(update={"min_height": 0.6}),)}),
                  kinds_known=False)  # fmt: skip
    small.play(EMPTY)
    assert not small.play(walking(Kind.MOTION))


def test_a_poster_that_the_model_takes_for_a_person_is_nobody_even_when_others_walk() -> None:
    scene = Scene()
    poster = (Box(0.85, 0.2, 0.9, 0.6), Kind.PERSON)
    scene.play([[poster]] * 15)
    events = scene.play([[poster, *step] for step in walking(last=0.6)])
    assert [event.track for event in events] == [event.track for event in events if event.box != poster[0]]
    assert len(events) == 1


def test_work_that_is_never_concluded_harms_nothing() -> None:
    scene = Scene()
    scene.play(EMPTY)
    for n, box in enumerate(walk(0.1, 0.5, 20)):
        shot = picture(noisy(with_boxes(yard(), [box]), n), (scene.number + n) * STEP_US)
        scene.pipeline.prepare(shot, Watch.PERSONS)
    scene.number += 20
    assert len(scene.play(walking(first=0.5, last=0.9))) == 1


def test_a_new_size_of_picture_begins_anew() -> None:
    scene = Scene()
    scene.play(walking())
    shot = picture(yard()[::2, ::2].copy(), scene.number * STEP_US)
    scene.pipeline.prepare(shot, Watch.PERSONS)
    assert not scene.pipeline.tracker.tracks


def test_findings_of_two_squares_are_one_object_each() -> None:
    left, right = Box(0.0, 0.0, 0.5, 1.0), Box(0.4, 0.0, 0.9, 1.0)
    whole, cut = Box(0.35, 0.2, 0.55, 0.8), Box(0.4, 0.2, 0.48, 0.8)
    found = [Detection(whole, Kind.PERSON, 0.6), Detection(cut, Kind.PERSON, 0.9)]
    assert [one.box for one in once(found, [left, right])] == [whole]
    assert len(once(found, [WHOLE])) == 2  # not cut: one in front of another
    seen: list[tuple[int, ...]] = []

    def finder(pixels: Pixels, least: float) -> list[Detection]:
        seen.append(pixels.shape)
        return [Detection(Box(0.4, 0.1, 0.6, 0.5), Kind.PERSON, max(least, 0.5))]

    _, work = Pipeline(LAWN, PARIS).prepare(picture(yard(), 0), Watch.PERSONS)
    assert work is None
    made = Work(picture(yard(), 0), STILL, (Box(0.0, 0.0, 0.25, 0.44), Box(0.75, 0.5, 1.0, 0.94)))
    boxes = [one.box for one in made.find(finder, WANTED, 0.25)]
    assert seen == [(320, 320, 3)] * 2
    assert [round(box.left, 2) for box in sorted(boxes)] == [0.1, 0.85]
