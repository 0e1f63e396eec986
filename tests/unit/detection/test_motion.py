"""The motion gate on drawn pictures: it finds what moves, and light, noise and ignored places are no motion."""

import numpy as np
import pytest

from appliance.detection.motion import COLUMNS, ROWS, Motion, MotionGate, mask, small
from appliance.detection.shapes import Box, intersection
from tests.peers.views import STEP_US, noisy, walk, with_boxes, yard


def run(gate: MotionGate, pictures: "list[np.ndarray[tuple[int, int], np.dtype[np.uint8]]]") -> list[Motion]:
    return [gate.look(luma, index * STEP_US) for index, luma in enumerate(pictures)]


@pytest.mark.parametrize("sigma", [1.5, 6.0, 9.0])
def test_an_empty_yard_is_still_whatever_the_noise(sigma: float) -> None:
    seen = run(MotionGate(), [noisy(yard(), number, sigma) for number in range(60)])
    assert not any(motion.boxes for motion in seen[20:])  # four seconds to know the noise of a night
    assert sigma > 6 or not any(motion.boxes for motion in seen)


def test_one_who_walks_is_found_where_he_is() -> None:
    boxes = walk(0.1, 0.9, 40)
    seen = run(MotionGate(), [noisy(with_boxes(yard(), [box]), n) for n, box in enumerate(boxes)])
    found = [(motion, box) for motion, box in zip(seen, boxes, strict=True) if motion.boxes]
    assert len(found) >= 35
    assert all(intersection(motion.boxes[0], box) > 0.5 * box.area for motion, box in found)


def test_light_that_rises_is_no_motion() -> None:
    lumas = [np.clip(noisy(yard(), n).astype(int) + 2 * n, 0, 255).astype(np.uint8) for n in range(20)]
    assert not any(motion.boxes for motion in run(MotionGate(), lumas))


def test_another_view_is_a_flash_and_no_motion_for_a_second() -> None:
    lumas = [noisy(yard(1), n) for n in range(10)] + [noisy(yard(7), n) for n in range(10)]
    seen = run(MotionGate(), lumas)
    assert [motion.flash for motion in seen].index(True) == 10
    assert not any(motion.boxes for motion in seen)


def test_what_moves_in_an_ignored_place_does_not_count() -> None:
    ignored = mask([((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))])
    assert ignored.all()
    lower = mask([((0.0, 0.5), (1.0, 0.5), (1.0, 1.0), (0.0, 1.0))])
    assert lower.sum() == ROWS * COLUMNS // 2
    pictures = [noisy(with_boxes(yard(), [box]), n) for n, box in enumerate(walk(0.1, 0.9, 30, foot=0.95))]
    assert not any(motion.boxes for motion in run(MotionGate(ignored=lower), pictures))
    pictures = [noisy(with_boxes(yard(), [box]), n) for n, box in enumerate(walk(0.1, 0.9, 30, foot=0.4))]
    assert any(motion.boxes for motion in run(MotionGate(ignored=lower), pictures))


def test_a_hole_in_time_begins_anew() -> None:
    gate = MotionGate()
    run(gate, [noisy(yard(1), n) for n in range(5)])
    assert gate.look(noisy(yard(7), 0), 60_000_000) == Motion()


@pytest.mark.parametrize("shape", [(360, 640), (720, 1280), (576, 704), (481, 641), (90, 160)])
def test_any_size_of_picture_is_looked_at(shape: tuple[int, int]) -> None:
    luma = np.arange(shape[0] * shape[1], dtype=np.uint32).reshape(shape) // shape[1] % 256
    assert small(luma.astype(np.uint8)).shape == (90, 160)
    assert np.all(np.diff(small((luma // 4).astype(np.uint8))[:20, 0]) >= 0)


def test_two_who_walk_are_two() -> None:
    pairs = zip(walk(0.1, 0.3, 12), walk(0.9, 0.7, 12), strict=True)
    seen = run(MotionGate(), [noisy(with_boxes(yard(), pair), n) for n, pair in enumerate(pairs)])
    assert all(len(motion.boxes) == 2 for motion in seen[5:])
    left, right = sorted(seen[-1].boxes, key=lambda box: box.left)
    assert left.right < 0.5 < right.left
    assert isinstance(left, Box)
