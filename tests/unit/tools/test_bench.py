"""The bench runner: one number a row, merged by name, never a half-written file."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench import row as bench
from tests.bench.row import ROWS, Missing, Options, Result, Row, Turn, merge, run_row, save
from tests.bench.run import line_of, main


@pytest.fixture(autouse=True)
def rows_as_before() -> Iterator[None]:
    before = dict(ROWS)
    ROWS.clear()
    yield
    ROWS.clear()
    ROWS.update(before)


def result(name: str, value: float = 1.0) -> Result:
    return Result(name, value, "s", 2.0, "lower", (value, value), None, None, f"make bench ONLY={name}", "a machine")


def test_the_median_is_the_value_and_the_ends_are_the_spread() -> None:
    turns = iter([Turn(3.0, 30.0), Turn(1.0, 10.0), Turn(2.0, 20.0)])
    measured = run_row(Row("x", "s", 2.5, "lower", "ffmpeg", lambda _options: next(turns)), Options(), machine="m")
    assert (measured.value, measured.spread, measured.peer_value) == (2.0, (1.0, 3.0), 20.0)
    assert measured.peer == "ffmpeg"
    assert measured.command == "make bench ONLY=x"


def test_a_peer_that_did_not_run_is_not_named() -> None:
    measured = run_row(
        Row("x", "s", None, "lower", "ffmpeg", lambda _options: Turn(1.0)), Options(quick=True), machine="m"
    )
    assert (measured.peer, measured.peer_value, measured.met()) == (None, None, None)
    assert measured.command.endswith("QUICK=1")


@pytest.mark.parametrize(
    ("value", "target", "better", "met"),
    [(2.0, 2.0, "lower", True), (2.1, 2.0, "lower", False), (2.0, 2.0, "higher", True), (1.9, 2.0, "higher", False)],
)
def test_targets_include_their_edge(value: float, target: float, better: bench.Better, met: bool) -> None:
    assert Result("x", value, "s", target, better, (value, value), None, None, "c", "m").met() is met


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_merging_keeps_one_line_a_name_old_order_first(old: list[str], new: list[str]) -> None:
    known = merge([], [result(name, 1.0) for name in old])
    merged = merge(known, [result(name, 2.0) for name in new])
    assert [line["name"] for line in merged] == old + [name for name in new if name not in old]
    assert {line["name"] for line in merged if line["value"] == 2.0} == set(new)


def test_saving_merges_into_the_file_as_one_list(tmp_path: Path) -> None:
    file = tmp_path / "build" / "bench.json"
    save(file, [result("a", 1.0), result("b", 1.0)])
    save(file, [result("b", 2.0), result("c", 3.0)])
    lines = json.loads(file.read_text(encoding="utf-8"))
    assert [(line["name"], line["value"]) for line in lines] == [("a", 1.0), ("b", 2.0), ("c", 3.0)]
    assert set(lines[0]) == {
        "name", "value", "unit", "target", "better", "spread", "peer", "peer_value", "command", "machine",
    }  # fmt: skip
    assert [path.name for path in file.parent.iterdir()] == ["bench.json"]


def test_two_rows_of_one_name_and_rows_without_a_spread_are_refused() -> None:
    bench.row("twice", unit="s", better="lower")(lambda _options: Turn(1.0))
    with pytest.raises(ValueError, match="two rows named twice"):
        bench.row("twice", unit="s", better="lower")(lambda _options: Turn(1.0))
    with pytest.raises(ValueError, match="at least 3"):
        bench.row("thin", unit="s", better="lower", turns=2)


def test_the_runner_measures_what_it_can_and_says_what_it_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bench.json"
    monkeypatch.setattr("tests.bench.run.FILE", file)
    monkeypatch.setattr("tests.bench.run.declare_all", lambda: None)

    def cannot(_options: Options) -> Turn:
        raise Missing("ffmpeg is not installed")

    bench.row("can", unit="ms", better="lower", target=5)(lambda _options: Turn(4.0))
    bench.row("cannot", unit="ms", better="lower")(cannot)
    assert main([]) == 0
    assert [line["name"] for line in json.loads(file.read_text(encoding="utf-8"))] == ["can"]
    assert "cannot: not measured here: ffmpeg is not installed" in capsys.readouterr().out
    assert main(["--only", "cannot"]) == 1
    assert main(["--only", "nothing"]) == 2


def test_a_missed_target_is_said_aloud() -> None:
    assert "MISSED" in line_of(result("slow", 3.0))
    assert "met" in line_of(result("fast", 1.0))
