"""What the disks have room for, from what they hold."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.web.forecast import LEAST_US, Filled, room_us

DAY_US = 86_400_000_000
counts = st.integers(0, 10_000)
disks = st.lists(st.builds(Filled, counts, counts, counts, counts), min_size=1, max_size=8)
held = st.integers(LEAST_US, 40 * DAY_US)


def test_half_full_disks_have_room_for_twice_as_long() -> None:
    half = Filled(closed=96, open=4, free=116, protected=8)
    assert room_us(0, 5 * DAY_US, [half]) == 10 * DAY_US
    assert room_us(0, 5 * DAY_US, [half, half]) == 10 * DAY_US


def test_a_full_disk_keeps_what_it_holds_and_spare_places_are_no_room() -> None:
    assert room_us(0, 5 * DAY_US, [Filled(closed=180, open=4, free=16, protected=8)]) == 5 * DAY_US


def test_nothing_is_foretold_before_there_is_something_to_go_by() -> None:
    assert room_us(None, DAY_US, [Filled(1, 1, 9)]) is None
    assert room_us(0, LEAST_US - 1, [Filled(1, 1, 9)]) is None
    assert room_us(0, DAY_US, [Filled(0, 0, 9)]) is None
    assert room_us(0, DAY_US, []) is None


@given(held, disks)
def test_never_less_than_is_held_and_more_free_room_is_never_less(held_us: int, there: list[Filled]) -> None:
    now = room_us(0, held_us, there)
    if now is not None:
        assert now >= held_us
        larger = room_us(0, held_us, [each._replace(free=each.free + 50) for each in there])
        assert larger is not None
        assert larger >= now
