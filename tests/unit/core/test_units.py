"""Units: conversions round down and never lose more than a tick; blocks are whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import BLOCK, TICKS_PER_SECOND, US_PER_SECOND, round_up_to_block, ticks_to_us, us_to_ticks

HUNDRED_YEARS_US = 100 * 366 * 86_400 * US_PER_SECOND


def test_one_second_is_exact_both_ways() -> None:
    assert us_to_ticks(US_PER_SECOND) == TICKS_PER_SECOND
    assert ticks_to_us(TICKS_PER_SECOND) == US_PER_SECOND


@given(st.integers(-HUNDRED_YEARS_US, HUNDRED_YEARS_US))
def test_there_and_back_loses_less_than_a_tick_and_one_microsecond(us: int) -> None:
    assert 0 <= us - ticks_to_us(us_to_ticks(us)) <= 12


@given(st.integers(-HUNDRED_YEARS_US, HUNDRED_YEARS_US), st.integers(0, US_PER_SECOND))
def test_order_is_kept(us: int, later: int) -> None:
    assert us_to_ticks(us) <= us_to_ticks(us + later)
    assert ticks_to_us(us) <= ticks_to_us(us + later)


@given(st.integers(0, 2**40))
def test_rounding_up_is_the_smallest_whole_block(size: int) -> None:
    rounded = round_up_to_block(size)
    assert rounded % BLOCK == 0
    assert 0 <= rounded - size < BLOCK


@pytest.mark.parametrize(("size", "expected"), [(0, 0), (1, 4096), (4096, 4096), (4097, 8192)])
def test_block_edges(size: int, expected: int) -> None:
    assert round_up_to_block(size) == expected
