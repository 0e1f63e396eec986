"""Camera truth on drawn views: each state is said, in its time, and nothing that merely looks like one."""

from collections.abc import Callable, Iterable

import numpy as np
import pytest

from appliance.detection.decode import Pixels
from appliance.detection.shapes import Box
from appliance.detection.tamper import ADOPT_US, Landmarks, Look, Tamper, Truth, measure, resemblance, sentence
from tests.peers.views import STEP_US, blurred, noisy, picture, with_boxes, yard

LEARNT = 60  # pictures: 12 s


def run(
    tamper: Tamper, lumas: Iterable[Pixels], first: int = 0, *, chroma: int = 150, size: int = 3000
) -> list[tuple[float, Truth, bool]]:
    """(second, state, begins) of pictures from number `first` on."""
    said = []
    for number, luma in enumerate(lumas, first):
        for truth, begins in tamper.look(picture(luma, number * STEP_US, chroma=chroma, size=size)):
            said.append((number / 5, truth, begins))
    return said


def learnt(view: Pixels | None = None) -> Tamper:
    tamper = Tamper()
    base = yard() if view is None else view
    assert not run(tamper, [noisy(base, n) for n in range(LEARNT)])
    return tamper


STATES: dict[Truth, tuple[Callable[[Pixels], Pixels], float]] = {
    Truth.COVERED: (lambda luma: np.full_like(luma, 19), 4),
    Truth.DEFOCUSED: (blurred, 4.2),
    Truth.MOVED: (lambda luma: np.roll(luma, (130, 210), (0, 1)), 6.2),
}


@pytest.mark.parametrize("truth", STATES)
def test_each_state_is_said_in_its_time_and_ends(truth: Truth) -> None:
    change, within = STATES[truth]
    tamper = learnt()
    begun = run(tamper, [noisy(change(yard()), n) for n in range(40)], LEARNT)
    assert [(state, begins) for _, state, begins in begun] == [(truth, True)]
    assert begun[0][0] - LEARNT / 5 <= within
    over = run(tamper, [noisy(yard(), n) for n in range(30)], LEARNT + 40)
    assert [(state, begins) for _, state, begins in over] == [(truth, False)]


def test_a_frozen_picture() -> None:
    tamper = learnt()
    still = noisy(yard(), 5)
    ((at, truth, begins),) = run(tamper, [still] * 40, LEARNT, size=36)
    assert (truth, begins) == (Truth.FROZEN, True)
    assert 4.5 <= at - LEARNT / 5 <= 6
    assert [one[1:] for one in run(tamper, [noisy(yard(), n) for n in range(20)], LEARNT + 40)] == [(truth, False)]


@pytest.mark.parametrize(("scale", "size"), [(1, 150), pytest.param(3, 1300, marks=pytest.mark.full)])
def test_a_frozen_picture_that_each_keyframe_codes_anew_is_frozen_at_any_size(scale: int, size: int) -> None:
    """As a re-encoded freeze was measured: a keyframe differs by 0.02 levels, what follows it refines it."""
    still = np.kron(noisy(yard(), 5), np.ones((scale, scale), np.uint8))
    anew = still.copy()
    anew[::20, ::20] += 2  # 0.02 levels of those that are compared
    tamper, said = Tamper(), []
    for number in range(60):
        key = number % 10 == 0
        shown = picture(anew if key else still, number * STEP_US, size=40_000 if key else size, keyframe=key)
        said += tamper.look(shown)
    assert said == [(Truth.FROZEN, True)]
    assert not run(learnt(), [noisy(yard(), n, 0.3) for n in range(40)], LEARNT, size=size)


def test_a_still_room_is_not_frozen_while_its_pictures_have_news_to_code() -> None:
    assert not run(learnt(), [yard()] * 60, LEARNT, size=3000)
    quiet = [noisy(yard(), n, 0.3) for n in range(40)]
    assert not run(learnt(), quiet, LEARNT, size=50)


def test_light_that_goes_down_is_no_blur_and_no_turn() -> None:
    dimmed = [noisy(np.clip(16 + (yard().astype(float) - 16) * (1 - 0.012 * n), 0, 255).astype(np.uint8), n)
              for n in range(40)]  # fmt: skip
    assert not run(learnt(), dimmed, LEARNT)
    assert not run(learnt(), [noisy((yard() // 2 + 8).astype(np.uint8), n) for n in range(40)], LEARNT)


def test_a_lorry_in_front_of_half_the_view_is_no_turn() -> None:
    parked = with_boxes(yard(), [Box(0.05, 0.1, 0.5, 1.0)], grey=60)
    assert not run(learnt(), [noisy(parked, n) for n in range(40)], LEARNT)


def test_a_mast_that_sways_has_not_moved() -> None:
    swaying = [noisy(np.roll(yard(), (n % 9, n % 13), (0, 1)), n) for n in range(40)]
    assert not run(learnt(), swaying, LEARNT)


def test_the_switch_to_infrared_is_none_of_the_four() -> None:
    tamper = learnt()
    night = noisy(np.clip(255 - yard(3).astype(int), 30, 220).astype(np.uint8), 1, 0)  # other light, other edges
    said = run(tamper, [noisy(night, n, 3) for n in range(40)], LEARNT, chroma=128)
    assert not said
    assert run(tamper, [noisy(np.roll(night, 160, 1), n, 3) for n in range(40)], LEARNT + 60, chroma=128)


def test_a_dull_view_is_not_covered() -> None:
    asphalt = np.full((360, 640), 120, np.uint8)
    asphalt[180:, ::40] = 160
    tamper = learnt(asphalt)
    assert not run(tamper, [noisy(asphalt, n) for n in range(30)], LEARNT)
    assert [one[1] for one in run(tamper, [np.full_like(asphalt, 30)] * 20, LEARNT + 30)] == [Truth.COVERED]


def test_landmarks_learned_with_a_car_in_them_are_learned_again() -> None:
    landmarks = Landmarks()
    crowded = measure(with_boxes(yard(9), [Box(0, 0, 1, 0.7)], 70), 20).edges
    plain = measure(yard(), 20).edges
    for _ in range(5):
        landmarks.take(crowded)
    for _ in range(11):
        landmarks.take(plain)
    score = landmarks.score(plain)
    assert score is not None
    assert score > 0.9


def test_a_view_without_landmarks_is_not_judged_by_them() -> None:
    flat = measure(np.full((360, 640), 100, np.uint8), 20).edges
    assert resemblance(flat, flat) is None


def test_a_new_view_becomes_the_known_one_in_time() -> None:
    tamper, other = learnt(), measure(yard(5), 20)
    looks = range(LEARNT * STEP_US, LEARNT * STEP_US + ADOPT_US + 60_000_000, 5_000_000)
    said = [one for at in looks for one in tamper.judge(other, at)]
    assert [begins for truth, begins in said if truth is Truth.MOVED] == [True, False]


def test_other_sizes_of_picture_are_learned_anew() -> None:
    tamper = learnt()
    small = np.ascontiguousarray(yard()[::2, ::2])
    assert not run(tamper, [noisy(small, n) for n in range(40)], LEARNT)


def test_the_features_of_a_view() -> None:
    seen = measure(yard(), 20.0)
    assert isinstance(seen, Look)
    assert seen.contrast == pytest.approx(float(yard()[::2, ::2].std()), rel=0.01)
    assert measure(blurred(yard()), 20.0).sharpness < 0.1 * seen.sharpness
    assert seen.edges.shape == (2, 43, 78)


def test_each_state_has_its_sentence() -> None:
    assert len({sentence(truth, language) for truth in Truth for language in ("fr", "en")}) == 2 * len(Truth)
