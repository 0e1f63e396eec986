"""The drawn scenes: what they say is to be found is where it was drawn, at any size of the picture."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.demo.actors import PERSON, VEHICLE, Actor, Car, Figure, Van
from appliance.demo.draw import Canvas, rgb
from appliance.demo.scenes import LOOP_S, SCENES, boxes, pictures, scene_of

RED = rgb(200, 30, 30)

places = st.floats(0.3, 0.7)
figures = st.builds(Figure, places, st.floats(0.6, 0.95), st.floats(0.15, 0.55), st.just(RED), st.floats(0, 7))
cars = st.builds(Car, places, places, st.floats(0.08, 0.4), st.just(RED))
vans = st.builds(Van, places, st.floats(0.6, 0.95), st.floats(0.15, 0.55), st.just(RED))


@given(figures | cars | vans, st.sampled_from([(640, 302), (1280, 604)]))
def test_the_box_is_the_smallest_round_what_is_drawn(actor: Actor, size: tuple[int, int]) -> None:
    canvas = Canvas.blank(*size)
    left, top, right, bottom = actor.box(canvas)
    actor.draw(canvas)
    rows, columns = np.nonzero(canvas.y != 16)
    edges = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    said = (left * size[0], top * size[1], right * size[0], bottom * size[1])
    assert max(abs(edge - own) for edge, own in zip(edges, said, strict=True)) <= 2.5


@pytest.mark.parametrize("scene", SCENES)
def test_main_and_sub_stream_show_the_same_at_the_same_place(scene: str) -> None:
    main, sub = ([_planes(p) for p in pictures(scene, w, h, Fraction(1, 4), noise=0)] for w, h in _SIZES)
    for big, small in zip(main, sub, strict=True):
        same = big[: 2 * small.shape[0] : 2, ::2][:300].astype(int) - small[:300]
        assert np.abs(same).mean() < 5  # grain and edges; a picture shifted by its strip differs by 9 and more
    for t in range(LOOP_S):
        found = [boxes(scene_of(scene), w, h, t) for w, h in _SIZES]
        assert [label for label, _ in found[0]] == [label for label, _ in found[1]]
        for (_, one), (_, other) in zip(*found, strict=True):
            assert max(abs(a - b) for a, b in zip(one, other, strict=True)) < 0.005


_SIZES = ((1280, 720), (640, 360))


def _planes(picture: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:  # type: ignore[type-arg]
    return picture[0].copy()


def test_a_college_out_of_hours() -> None:
    seen = {
        scene: [{label for label, _ in boxes(scene_of(scene), 640, 360, t / 2)} for t in range(2 * LOOP_S)]
        for scene in SCENES
    }
    assert set.union(*seen["couloir"]) == set()
    assert set.union(*seen["cour"]) == {PERSON}
    assert set.union(*seen["portail"]) == {PERSON, VEHICLE}
    for scene in ("cour", "portail"):  # somebody comes, stays long enough for any rule, and is gone before the loop
        assert sum(PERSON in labels for labels in seen[scene]) >= 2 * 7
        assert seen[scene][0] == seen[scene][-1] == set()
    assert all(VEHICLE in labels for labels in seen["parking"])  # those that stand there
