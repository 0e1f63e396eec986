"""A rhythm of sizes is found through any scene's course, and pictures without one have none."""

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.capture.cadence import PERIODS, Rhythm, rhythm

SPREAD = st.floats(0.78, 1.28)
"""Either way of a scene's size: 0.72 octaves between any two, less than a step."""


@settings(max_examples=60)
@given(st.lists(st.tuples(SPREAD, st.booleans()), min_size=1, max_size=150), st.integers(1000, 10**6))
def test_pictures_of_about_one_size_have_no_rhythm(sizes: list[tuple[float, bool]], size: int) -> None:
    assert rhythm([0 if judged else int(size * part) for part, judged in sizes], 0) is None


@settings(max_examples=60)
@given(
    st.sampled_from(PERIODS), st.data(), st.floats(2.1, 40), st.floats(-0.03, 0.03),
    st.lists(st.floats(0.87, 1.14), min_size=125, max_size=125), st.integers(8, 60),
)  # fmt: skip
def test_a_rhythm_is_found_through_keyframes_and_a_scene_that_grows(
    period: int, data: st.DataObject, ratio: float, growth: float, noise: list[float], gop: int
) -> None:
    changed = data.draw(st.integers(0, period - 1))
    sizes = [
        0
        if number % gop < 2
        else int(40_000 * (1 + growth) ** number / (1 if number % period == changed else ratio) * by)
        for number, by in enumerate(noise)
    ]
    found = rhythm(sizes, 0)
    if all(sum(map(bool, sizes[place::period])) >= 18 for place in range(period)):
        assert found is not None
        assert (found.period % period, found.repeated * period) == (0, found.period * (period - 1))


def test_a_still_scene_has_no_rhythm() -> None:
    sizes = [90, 40] * 60
    assert rhythm(sizes, 60) == Rhythm(2, 1)
    assert rhythm(sizes, 91) is None
