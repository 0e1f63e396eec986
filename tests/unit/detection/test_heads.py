"""Outputs of networks made findings: by hand-made rows whose box is known."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.detection.heads import ssd, yolox
from appliance.detection.shapes import Kind

LABELS = {0: Kind.PERSON, 2: Kind.VEHICLE}
ROWS = 2100  # 40 x 40 + 20 x 20 + 10 x 10 of 320 x 320


def empty() -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    return np.zeros((ROWS, 5 + 80), np.float32)


@given(st.integers(0, 39), st.integers(0, 39), st.floats(0.5, 1))
def test_a_row_of_the_fine_grid_is_where_it_says(column: int, row: int, score: float) -> None:
    output = empty()
    output[row * 40 + column, :5] = (0.5, 0.5, math.log(2), math.log(4), 1.0)
    output[row * 40 + column, 5] = score
    (found,) = yolox(output, 320, 320, LABELS, 0.4)
    x, y = (column + 0.5) * 8 / 320, (row + 0.5) * 8 / 320
    assert found.kind is Kind.PERSON
    assert found.score == pytest.approx(score)
    wanted = (max(0, x - 8 / 320), max(0, y - 16 / 320), min(1, x + 8 / 320), min(1, y + 16 / 320))
    assert tuple(found.box) == pytest.approx(wanted, abs=1e-5)


def test_each_grid_has_its_stride() -> None:
    for first, stride in ((0, 8), (1600, 16), (2000, 32)):
        output = empty()
        output[first, 4], output[first, 7] = 1.0, 0.9
        (found,) = yolox(output, 320, 320, LABELS, 0.4)
        assert found.kind is Kind.VEHICLE
        assert found.box.right == pytest.approx(stride / 2 / 320)


def test_the_score_is_object_times_class_and_other_classes_are_dropped() -> None:
    output = empty()
    output[5, 4], output[5, 5] = 0.5, 0.7  # 0.35
    output[900, 4], output[900, 5 + 16] = 1.0, 1.0  # a dog, which has no label here
    assert not yolox(output, 320, 320, LABELS, 0.4)
    assert len(yolox(output, 320, 320, LABELS, 0.3)) == 1
    assert not yolox(output[:100], 320, 320, LABELS, 0.1)  # not the output of such a network


def test_absurd_numbers_stay_in_the_picture() -> None:
    output = empty()
    output[:, :] = 1e6
    for found in yolox(output, 320, 320, LABELS, 0.4):
        assert all(0 <= value <= 1 for value in found.box)
        assert found.score == 1.0


def test_ssd_gives_its_boxes_by_label_and_score() -> None:
    boxes = np.array([[0.1, 0.2, 0.5, 0.4], [0, 0, 1, 1], [0.3, 0.3, 0.4, 0.4], [0, 0, 1, 1]], np.float32)
    classes = np.array([0, 16, 2, 0], np.float32)
    scores = np.array([0.9, 0.9, 0.3, 0.8], np.float32)
    found = ssd([boxes, classes, scores, np.array([3], np.float32)], LABELS, 0.4)  # the fourth is not counted
    assert [one.kind for one in found] == [Kind.PERSON]
    assert tuple(found[0].box) == pytest.approx((0.2, 0.1, 0.4, 0.5))
