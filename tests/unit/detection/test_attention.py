"""Where the model looks: squares in the picture, never more than agreed, nothing at all when nothing moves."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.detection.attention import EVERY_US, SQUARES, Attention
from appliance.detection.motion import STILL, Motion
from appliance.detection.shapes import WHOLE, Box, Detection, Kind, intersection
from appliance.detection.track import Track, Tracker
from tests.peers.views import STEP_US, walk

ASPECT = 16 / 9
places = st.tuples(st.floats(0, 0.95), st.floats(0, 0.95), st.floats(0.02, 0.5), st.floats(0.02, 0.5))
moving = st.lists(places.map(lambda p: Box(p[0], p[1], min(1, p[0] + p[2]), min(1, p[1] + p[3]))), max_size=6)


@given(st.lists(moving, min_size=1, max_size=40))
def test_squares_lie_in_the_picture_and_are_few(steps: list[list[Box]]) -> None:
    attention = Attention(ASPECT)
    looks = 0
    for index, boxes in enumerate(steps):
        squares = attention.squares(Motion(tuple(boxes), 0.1), [], index * STEP_US)
        looks += len(squares)
        assert len(squares) <= SQUARES
        assert not squares or boxes
        for square in squares:
            assert intersection(square, WHOLE) >= square.area - 1e-9
            assert square == WHOLE or abs(square.width * ASPECT - square.height) < 1e-6
    assert looks <= SQUARES * (1 + len(steps) * STEP_US // EVERY_US + 1)


def test_nothing_moves_nothing_is_looked_at() -> None:
    attention = Attention(ASPECT)
    assert not any(attention.squares(STILL, [], index * STEP_US) for index in range(100))


def test_movement_begins_with_the_whole_picture_and_its_place() -> None:
    far = Box(0.8, 0.1, 0.83, 0.15)
    whole, near = Attention(ASPECT).squares(Motion((far,), 0.01), [], 0)
    assert whole == WHOLE
    assert intersection(near, far) > 0.99 * far.area
    assert near.height < 0.5


def test_every_place_that_moves_is_looked_at_in_turn() -> None:
    spots = [Box(x, y, x + 0.03, y + 0.06) for x in (0.05, 0.5, 0.9) for y in (0.05, 0.85)]
    attention = Attention(ASPECT)
    seen = set()
    for index in range(30):
        for square in attention.squares(Motion(tuple(spots), 0.05), [], index * STEP_US):
            seen |= {n for n, spot in enumerate(spots) if square != WHOLE and intersection(square, spot) > 0.0017}
    assert seen == set(range(len(spots)))


def standing(kind: Kind) -> Track:
    tracker = Tracker()
    box = walk(0.5, 0.5, 1)[0]
    for at in (0, EVERY_US):
        tracker.update([Detection(box, kind, 0.9)], [WHOLE], [box], at)
    return tracker.tracks[0]


def test_one_who_stands_is_looked_at_again_each_second() -> None:
    track, attention, looks = standing(Kind.PERSON), Attention(ASPECT), 0
    for at in range(EVERY_US, 61_000_000, STEP_US):
        if squares := attention.squares(STILL, [track], at):
            looks += 1
            assert intersection(squares[0], track.box) > 0.9 * track.box.area
            track.hit(Detection(track.box, track.kind, 0.9), at)
    assert 55 <= looks <= 65


def test_a_parked_car_is_left_alone() -> None:
    track, attention, looks = standing(Kind.VEHICLE), Attention(ASPECT), []
    for at in range(EVERY_US, 200_000_000, STEP_US):
        if attention.squares(STILL, [track], at):
            looks.append(at)
            track.hit(Detection(track.box, track.kind, 0.9), at)
    assert max(looks) < 35_000_000


def test_a_guess_that_moved_is_looked_at_at_once() -> None:
    tracker, attention = Tracker(), Attention(ASPECT)
    box = walk(0.5, 0.5, 1)[0]
    attention.squares(Motion((box,), 0.02), [], 0)
    tracker.update([Detection(box, Kind.PERSON, 0.45)], [WHOLE], [box], 0)
    (square,) = attention.squares(Motion((box,), 0.02), tracker.tracks, STEP_US)
    assert intersection(square, box) > 0.9 * box.area
