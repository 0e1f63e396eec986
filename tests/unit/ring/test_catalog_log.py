"""The catalogue's bytes: lines round trip, a cut takes only what was not durable, rot and truncation are noticed."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.units import BLOCK
from appliance.ring.catalog.log import (
    MAX_FACTS,
    NO_HEAD,
    Appender,
    Beginning,
    Head,
    Line,
    closed_facts,
    good,
    parse_closed,
    stamp,
    words,
)
from appliance.ring.catalog.replay import Replay, lines_at, replay, rows
from appliance.ring.errors import CatalogUnreadable
from appliance.ring.index.rows import ChunkRow, SpanRow

UTC_US = 1_795_500_000_000_000
DISK = "a1" * 16
CHUNKS = 40
SECTOR = 512

times = st.integers(0, 2**52)
counts = st.integers(0, 2**32 - 1)
spans = st.lists(
    st.builds(SpanRow, counts, times, times, st.integers(0, 255), counts, counts, st.integers(0, 15)), max_size=40
)
chunk_rows = st.builds(
    ChunkRow,
    disk=st.just(DISK),
    number=st.integers(0, CHUNKS - 1),
    generation=st.integers(0, 2**40),
    camera=st.text(min_size=1, max_size=32),
    stream=st.sampled_from(["main", "sub"]),
    opened_us=st.integers(-(2**50), 2**52),
    first_us=st.integers(-(2**50), 2**52),
    last_us=times,
    size=st.integers(0, 2**28),
    codec=st.sampled_from(["avc1.64001F", "hvc1.1.6.L93.B0", "%"]),
    width=st.integers(0, 9999),
    height=st.integers(0, 9999),
    init_length=st.integers(0, 9999),
    last_run=counts,
    last_sequence=counts,
)


@st.composite
def changes(draw: st.DrawFn) -> Line:
    kind = draw(st.sampled_from(["READY", "OPEN", "CLOSED", "FREED", "FREE", "SUSPECT", "ODD-STATE", "fault"]))
    number = draw(st.integers(0, CHUNKS - 1))
    if kind == "CLOSED":
        return Line(kind, number, closed_facts(draw(chunk_rows), draw(spans)))
    return Line(kind, number, "x" * draw(st.integers(0, 600)))


@dataclass
class File:
    """A file as the disk holds it, and what was written to it since the last flush."""

    data: bytearray = field(default_factory=bytearray)
    appender: Appender = field(
        default_factory=lambda: Appender.begin(Beginning(1, DISK, CHUNKS, NO_HEAD, "test"), UTC_US)
    )
    durable: list[Line] = field(default_factory=list)

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.data[offset : offset + length])

    def tick(self, lines: list[Line]) -> Head:
        offset, blocks = self.appender.append(lines, UTC_US)
        self.data[offset : offset + len(blocks)] = blocks
        self.appender.durable()
        self.durable += lines
        return self.appender.head()

    def torn(self, lines: list[Line], kept: list[bool]) -> None:
        """A cut in this tick: of its sectors some reached the disk."""
        offset, blocks = self.appender.append(lines, UTC_US)
        for at in range(0, len(blocks), SECTOR):
            end = offset + at + SECTOR
            if kept[at // SECTOR % len(kept)]:
                self.data.extend(bytes(max(0, end - len(self.data))))
                self.data[end - SECTOR : end] = blocks[at : at + SECTOR]

    def go_on(self, found: Replay) -> None:
        self.appender = Appender(found.head, found.tail, found.lines)


def state_of(lines: list[Line]) -> dict[int, tuple[str, str]]:
    return {line.number: (line.kind, line.facts) for line in lines if line.kind.isupper()}


def told(file: File, found: Replay) -> dict[int, tuple[str, str]]:
    """The last state of each chunk as a replay gives it."""
    states = {number: (kind, " ".join(facts)) for number, (kind, facts) in found.special.items()}
    for number, line in lines_at(file.read, found.closed, found.at):
        states[number] = ("CLOSED", line.decode("ascii").split(" ", 4)[4])
    return states


@given(chunk_rows, spans)
def test_a_closed_line_holds_what_the_index_holds(row: ChunkRow, stretches: list[SpanRow]) -> None:
    facts = closed_facts(row, stretches)
    assert facts.isascii()
    assert "\n" not in facts
    assert len(facts) < MAX_FACTS
    found, held = parse_closed(DISK, row.number, facts.split(" "))
    assert found == row
    assert held == stretches or (held is None and len(stretches) > 6)


@given(st.lists(st.tuples(st.lists(changes(), max_size=30), st.lists(changes(), max_size=30), st.data()), max_size=4))
def test_a_cut_at_any_sector_takes_only_lines_that_were_never_durable(
    lives: list[tuple[list[Line], list[Line], st.DataObject]],
) -> None:
    file = File()
    head = file.tick([])
    for lines, cut, data in lives:
        head = file.tick(lines)
        file.torn(cut, data.draw(st.lists(st.booleans(), min_size=1, max_size=40)))
        found = replay(file.read, witnesses=[head])
        assert head in found.seen, "what was durable is there"
        assert found.lines >= len(file.durable)
        kept = found.lines - len(file.durable)
        file.durable += cut[:kept]
        assert told(file, found) == state_of(file.durable)
        file.go_on(found)
        head = file.appender.head()
        assert head == found.head


@given(st.lists(st.lists(changes(), max_size=12), min_size=1, max_size=5), st.data())
def test_rot_is_noticed_or_harms_nothing(ticks: list[list[Line]], data: st.DataObject) -> None:
    file = File()
    head = [file.tick(lines) for lines in ticks][-1]
    at = data.draw(st.integers(0, len(file.data) - 1))
    file.data[at] ^= data.draw(st.integers(1, 255))
    try:
        found = replay(file.read, witnesses=[head])
    except CatalogUnreadable:
        return
    assert head not in found.seen or told(file, found) == state_of(file.durable)


@given(st.lists(st.lists(changes(), min_size=1, max_size=12), min_size=2, max_size=5), st.data())
def test_a_file_that_lost_its_end_does_not_bear_out_the_witness(ticks: list[list[Line]], data: st.DataObject) -> None:
    file = File()
    for lines in ticks[:-1]:
        file.tick(lines)
    old = bytes(file.data)
    head = file.tick(ticks[-1])
    assert head in replay(file.read, witnesses=[head]).seen
    file.data[:] = old
    assert head not in replay(file.read, witnesses=[head]).seen, "an older copy of the file"
    file.data[:] = old[: data.draw(st.integers(0, len(old) // BLOCK)) * BLOCK]
    try:
        assert head not in replay(file.read, witnesses=[head]).seen
    except CatalogUnreadable:
        assert not file.data


@given(st.lists(st.lists(changes(), max_size=9), min_size=1, max_size=6), st.data())
def test_the_lines_behind_a_mark_are_told_apart(ticks: list[list[Line]], data: st.DataObject) -> None:
    file = File()
    heads = [file.tick(lines) for lines in ticks]
    split = data.draw(st.integers(0, len(ticks) - 1))
    found = replay(file.read, mark=heads[split])
    later = [line for lines in ticks[split + 1 :] for line in lines]
    assert found.since == {line.number for line in later}
    other = Head(1, heads[split].block, heads[split].used, "0" * 64)
    assert replay(file.read, mark=other).since is None


def test_a_line_left_out_of_a_full_block_is_found_even_with_good_crcs() -> None:
    file = File()
    for n in range(60):
        file.tick([Line("READY", n % CHUNKS, "y" * 300)])
    block = bytes(file.data[BLOCK : 2 * BLOCK])
    lines = block.split(b"\n")
    assert good(lines[2])
    del lines[2]
    forged = b"\n".join(lines)
    file.data[BLOCK : 2 * BLOCK] = forged[:-1].ljust(BLOCK - 1, b" ") + b"\n"
    with pytest.raises(CatalogUnreadable):
        replay(file.read)


def test_rows_come_from_the_lines_in_their_order_and_changed_lines_are_refused() -> None:
    file = File()
    row = ChunkRow(DISK, 3, 9, "cam", "main", 1, 1, 5, 4096, "avc1.64001F", 640, 360, 700, 2, 8)
    span = SpanRow(2, 1, 5, 0, 1, 8, 1)
    file.tick(
        [Line("CLOSED", 3, closed_facts(row, [span])), Line("CLOSED", 1, closed_facts(row._replace(number=1), []))]
    )
    found = replay(file.read)
    assert list(rows(file.read, DISK, found.closed, found.at)) == [(row, [span]), (row._replace(number=1), [])]
    assert found.past == {("cam", "main"): (2, 8)}
    assert found.generation == 9
    file.data[found.at[1] + 40] ^= 1
    with pytest.raises(CatalogUnreadable):
        list(rows(file.read, DISK, found.closed, found.at))


def test_notes_say_no_state_and_the_last_one_counts() -> None:
    file = File()
    file.tick([Line("READY", 3), Line("hold", 3, "a"), Line("hold", 3, "b"), Line("fault", 3, "c")])
    found = replay(file.read)
    assert found.special == {3: ("READY", [])}
    assert set(found.notes) == {("hold", 3), ("fault", 3)}
    offset = found.notes["hold", 3]
    assert file.read(offset, 200).partition(b"\n")[0].endswith(b" hold 3 b")


def test_words_and_stamps_never_break_a_line() -> None:
    assert words("Journal\nabîmé  x") == "Journal ab m x"
    assert stamp(0) == "19700101T000000Z"
    assert stamp(-5) == stamp(0)
    assert stamp(2**63) == "99991231T235959Z"


@given(st.binary(max_size=3 * BLOCK))
def test_any_bytes_are_refused_with_a_named_error(data: bytes) -> None:
    with pytest.raises(CatalogUnreadable):
        replay(lambda offset, length: data[offset : offset + length])
