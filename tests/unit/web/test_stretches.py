"""Stretches that left are disjoint, lose nothing, invent nothing, and are taken once each time they grow."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.web.stretches import TOUCHING_US, Stretches

UNIT = 2 * TOUCHING_US
PIECES = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 6), st.booleans()), max_size=30)


@given(PIECES)
def test_what_is_taken_is_what_left(pieces: list[tuple[int, int, bool]]) -> None:
    stretches, added, taken = Stretches(), set[int](), dict[int, int]()
    for start, length, take in pieces:
        fresh = set(range(start, start + length)) - added
        grew = stretches.add(start * UNIT, (start + length) * UNIT)
        assert grew or not fresh
        added |= fresh
        if take:
            for begin, end in stretches.take():
                for old in [each for each in taken if begin <= each <= end]:
                    del taken[old]
                taken[begin] = end
            assert stretches.take() == []
            covered = [range(begin // UNIT, end // UNIT) for begin, end in taken.items()]
            assert set().union(*covered) == added
            assert sum(map(len, covered)) == len(added)


def test_a_players_gops_are_one_stretch_whatever_the_rounding() -> None:
    stretches = Stretches()
    for at in range(10):
        assert stretches.add(at * 1_000_000 + 40, (at + 1) * 1_000_000 - 40)
    assert not stretches.add(2_000_000, 3_000_000)
    assert stretches.take() == [(40, 10_000_000 - 40)]
