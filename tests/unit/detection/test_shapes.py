"""Boxes and places."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.detection.shapes import WHOLE, Box, Detection, Kind, distinct, inside, intersection, overlap, union

unit = st.floats(0, 1)
boxes = st.tuples(unit, unit, unit, unit).map(
    lambda v: Box(min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3]))
)
SQUARE = ((0.2, 0.2), (0.8, 0.2), (0.8, 0.8), (0.2, 0.8))


@given(boxes, boxes)
def test_overlap_is_a_share_and_the_same_both_ways(a: Box, b: Box) -> None:
    assert 0 <= overlap(a, b) <= 1 + 1e-9
    assert overlap(a, b) == overlap(b, a)
    assert intersection(a, b) <= min(a.area, b.area) + 1e-9
    assert union(a, b).area >= max(a.area, b.area) - 1e-9


@given(boxes)
def test_a_box_is_itself(box: Box) -> None:
    assert box.cut() == box
    assert box.area == 0 or overlap(box, box) > 1 - 1e-9
    assert intersection(box, WHOLE) <= box.area + 1e-9


@given(unit, unit)
def test_inside_a_square(x: float, y: float) -> None:
    if all(min(abs(v - 0.2), abs(v - 0.8)) > 1e-6 for v in (x, y)):
        assert inside((x, y), SQUARE) is (0.2 < x < 0.8 and 0.2 < y < 0.8)


def test_inside_a_hollow_shape() -> None:
    corner = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.6, 1.0), (0.6, 0.4), (0.0, 0.4))
    assert inside((0.8, 0.9), corner)
    assert inside((0.1, 0.1), corner)
    assert not inside((0.3, 0.9), corner)


def test_one_finding_for_one_object_the_surest() -> None:
    box, near, far = Box(0.1, 0.1, 0.3, 0.5), Box(0.11, 0.1, 0.31, 0.5), Box(0.6, 0.1, 0.8, 0.5)
    found = [Detection(box, Kind.PERSON, 0.5), Detection(near, Kind.PERSON, 0.9), Detection(far, Kind.PERSON, 0.4)]
    assert [one.score for one in distinct(found, 0.5)] == [0.9, 0.4]
    assert len(distinct([found[0], found[1]._replace(kind=Kind.VEHICLE)], 0.5)) == 2


def test_only_persons_vehicles_animals_and_motion_have_a_name() -> None:
    assert {str(kind) for kind in Kind} == {"person", "vehicle", "animal", "motion"}
