"""Codes on paper: typed as people type, and bytes by telephone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.accounts.codes import ALPHABET, decode, drawn, encode, kept, plain


@given(st.binary(min_size=26, max_size=26))
def test_a_code_is_the_same_however_it_is_typed(entropy: bytes) -> None:
    code = drawn(26, lambda length: entropy[:length])
    assert set(code) <= {*ALPHABET, "-"}
    assert len(plain(code)) == 26
    typed = " ".join(code.lower().replace("0", "o").replace("1", "l").split("-"))
    assert kept(typed) == kept(code)


@given(st.binary(max_size=80))
def test_bytes_survive_the_telephone(data: bytes) -> None:
    assert decode(encode(data).lower()) == data


@pytest.mark.parametrize("typed", ["é", "A", "AAA", "!", "AAAA-A_", " "])
def test_what_is_none_is_refused(typed: str) -> None:
    with pytest.raises(ValueError):
        decode(typed)
