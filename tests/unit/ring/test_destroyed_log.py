"""The account of destroyed footage as a file: what is read is what was written, torn ends and garbage left out."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.ring.expiry.destroyed_log import Doomed, Left, digest, doom_lines, early_line, entry_line, parse

DISK = "d" * 32
numbers = st.integers(0, 2**40)
dooms = st.lists(
    st.builds(
        Doomed, st.just(DISK), numbers, numbers, st.text(max_size=9), st.sampled_from(["main", "sub"]), numbers,
        numbers, numbers, st.sampled_from(["age", "early"]),
    ),
    max_size=8, unique_by=lambda doom: doom.chunk,
)  # fmt: skip


@given(dooms, st.integers(0, 39), st.dictionaries(st.text(max_size=9), numbers, max_size=4))
def test_a_file_says_what_was_written_and_a_torn_end_costs_itself(
    wanted: list[Doomed], torn: int, early: dict[str, int]
) -> None:
    entry = digest(wanted)
    data = early_line(early) + doom_lines(wanted) + entry_line(entry, wanted[:1])
    left = parse(data, DISK)
    assert list(left.dooms.values()) == wanted
    assert left.entries == {entry: [(doom.number, doom.generation) for doom in wanted[:1]]}
    assert left.early == early
    cut = parse(data + doom_lines([Doomed(DISK, 1, 2**41, "c", "main", 0, 1, 2, "age")])[: torn - 41], DISK)
    assert cut == left


@given(st.binary(max_size=300))
def test_garbage_says_nothing(data: bytes) -> None:
    assert parse(data, DISK) == Left()


@given(dooms)
def test_an_entry_is_named_by_its_footage_alone(wanted: list[Doomed]) -> None:
    assert digest(wanted) == digest(list(reversed(wanted)))
    if wanted:
        assert digest(wanted) != digest(wanted[1:])
        assert digest([wanted[0]._replace(generation=2**41), *wanted[1:]]) != digest(wanted)
