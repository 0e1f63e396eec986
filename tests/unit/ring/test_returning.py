"""A disk that was silent comes back when it has answered, none of its writes had failed, and not too soon."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.ring.disks.returning import FIRST_US, MOST_US, away_us, may_return


@given(st.integers(1, 1000))
def test_it_waits_longer_each_time_and_never_for_ever(times: int) -> None:
    assert FIRST_US <= away_us(times) <= away_us(times + 1) <= MOST_US


@given(st.integers(1, 50), st.integers(0, 2 * MOST_US), st.booleans(), st.booleans())
def test_it_returns_by_all_three_and_by_no_two_of_them(times: int, away: int, returned: bool, well: bool) -> None:
    assert may_return(times, away, returned=returned, well=well) == (returned and well and away >= away_us(times))
    assert may_return(times, MOST_US, returned=True, well=True), "in the end it does"
