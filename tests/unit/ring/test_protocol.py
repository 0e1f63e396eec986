"""Requests at the edge: whatever the bytes, a checked request or BadRequest."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.core.line_errors import BadRequest
from appliance.core.lines import encode, request_id
from appliance.media.stream import StreamKey
from appliance.ring.access.part_ref import PartRef
from appliance.ring.access.protocol import (
    MAX_RANGE_US,
    LeaseRequest,
    RangesRequest,
    cause_name,
    parse_key,
    parse_request,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
verbs = st.sampled_from(("state", "spans", "ranges", "lease", "release", "subscribe", "rebuild-index", "other"))
fields = st.fixed_dictionaries(
    {"v": st.just(1) | values, "id": st.integers() | values, "verb": verbs | values},
    optional={
        "camera": st.text(max_size=70) | values,
        "stream": st.sampled_from(("main", "sub")) | values,
        "from_us": st.integers() | values,
        "to_us": st.integers() | values,
        "seconds": st.floats() | values,
        "from_keyframe": st.booleans() | values,
        "lease": st.text() | values,
        "streams": st.lists(st.text(max_size=9), max_size=3) | values,
    },
)


@given(
    st.binary(max_size=200)
    | fields.map(lambda value: json.dumps(value).encode())
    | values.map(json.dumps).map(str.encode)
)
def test_whatever_comes_is_a_request_or_bad(line: bytes) -> None:
    request_id(line)
    try:
        request = parse_request(line)
    except BadRequest:
        return
    assert request.v == 1
    if isinstance(request, RangesRequest):
        assert 0 < request.to_us - request.from_us <= MAX_RANGE_US


def test_a_good_request_is_understood() -> None:
    line = encode(
        {"v": 1, "id": 7, "verb": "lease", "camera": "c", "stream": "sub", "from_us": 1, "to_us": 9, "seconds": 5}
    )
    request = parse_request(line)
    assert isinstance(request, LeaseRequest)
    assert (request.key, request.seconds, request.id) == (StreamKey("c", "sub"), 5, 7)


@pytest.mark.parametrize(("name", "key"), [("a/main", StreamKey("a", "main")), ("a/b/sub", StreamKey("a/b", "sub"))])
def test_names_of_streams(name: str, key: StreamKey) -> None:
    assert parse_key(name) == key


@pytest.mark.parametrize("name", ["", "main", "/main", "a/", "a/third"])
def test_names_of_no_stream(name: str) -> None:
    with pytest.raises(BadRequest):
        parse_key(name)


def test_causes_have_names_even_unknown_ones() -> None:
    assert cause_name(GapCause.OVERLOAD) == "OVERLOAD"
    assert cause_name(250) == "CAUSE_250"
    assert PartRef(0, 0, 0, 0, 0, 0, 0, 0, 2).starts_run
    assert not PartRef(0, 0, 0, 0, 0, 0, 0, 0, 2).keyframe
