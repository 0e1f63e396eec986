"""What is copied of a hold, as a set of numbers; and the verbs by which holds are asked for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.line_errors import BadRequest
from appliance.media.part import PartEntry
from appliance.media.stream import StreamKey
from appliance.ring.access.protocol import parse_request
from appliance.ring.protect.copying import BATCH
from appliance.ring.protect.follower import groups
from appliance.ring.protect.held import Numbers, runs_of
from appliance.ring.protect.policy import LATEST, Reason
from appliance.ring.protect.protocol import MODELS, HoldRequest

STRETCH = st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(STRETCH, max_size=25))
def test_numbers_are_a_set_whatever_the_order(stretches: list[tuple[int, int]]) -> None:
    numbers, model = Numbers(), set[int]()
    for first, last in stretches:
        numbers.add(first, last)
        model |= set(range(first, last + 1))
    assert {n for n in range(-2, 80) if n in numbers} == model
    assert numbers.stretches() == runs_of(sorted(model)), "as few stretches as there are"
    for first, last in stretches:
        assert numbers.holds(first, last)
    for first in range(0, 70, 7):
        assert numbers.holds(first, first + 5) == (set(range(first, first + 6)) <= model)


@given(
    sizes=st.lists(st.tuples(st.sampled_from([4096, 65536, BATCH, BATCH + 4096]), st.booleans()), max_size=30),
)
def test_parts_are_read_in_stretches_without_holes_of_a_batch_at_most(sizes: list[tuple[int, bool]]) -> None:
    parts, offset = [], 4096
    for sequence, (size, hole) in enumerate(sizes):
        offset += 4096 * hole
        parts.append(PartEntry(offset, size, 0, 0, 1, 1, sequence, 1, False, False, 0, 0))
        offset += size
    found = list(groups(parts))
    assert [part for group in found for part in group] == parts
    for group in found:
        length = group[-1].offset + group[-1].length - group[0].offset
        assert length == sum(part.length for part in group)
        assert length <= BATCH or len(group) == 1


GOOD = {
    "v": 1,
    "id": 7,
    "verb": "hold",
    "streams": ["cour/main", "cour/sub", "cour/main"],
    "from_us": 5,
    "to_us": 9,
    "why": "incident",
    "words": "Portail forcé",
    "requester": "Mme Roux",
}


def _parsed(**changes: object) -> HoldRequest:
    fields = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    request = parse_request(json.dumps(fields).encode(), MODELS)
    assert isinstance(request, HoldRequest)
    return request


def test_a_request_becomes_a_hold() -> None:
    hold = _parsed().hold()
    assert hold.streams == (StreamKey("cour", "main"), StreamKey("cour", "sub"))
    assert (hold.from_us, hold.to_us, hold.reason, hold.expires_us) == (5, 9, Reason.INCIDENT, LATEST)
    assert _parsed(to_us=None, until_us=99).hold().to_us == 99


@pytest.mark.parametrize(
    "changes",
    [
        {"to_us": None},
        {"until_us": 10},
        {"streams": []},
        {"streams": ["cour"]},
        {"streams": ["/main"]},
        {"streams": ["cour/audio"]},
        {"streams": ["c/main"] * 33},
        {"why": "curiosity"},
        {"words": "x" * 201},
        {"words": "a\nb"},
        {"requester": None},
        {"from_us": 1.5},
        {"from_us": 1 << 63},
        {"evict": True},
    ],
    ids=str,
)
def test_anything_else_is_no_request(changes: dict[str, object]) -> None:
    with pytest.raises(BadRequest):
        _parsed(**changes).hold()
