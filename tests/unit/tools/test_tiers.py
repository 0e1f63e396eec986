"""The tiers and the needs of tests: nothing is lost in silence."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.peers import need, tiers
from tests.peers.tiers import TIERS, Tiers, below_floor, read_floor


def test_fewer_tests_than_the_floor_is_said_in_words() -> None:
    floor = {"quick": 10, "full": 3}
    assert below_floor(["quick"], 10, floor) is None
    assert below_floor(["quick", "full"], 13, floor) is None
    assert "9 tests ran, the floor of quick is 10" in str(below_floor(["quick"], 9, floor))
    assert below_floor(["nightly"], 0, floor) is None


def test_the_committed_floor_is_readable(tmp_path: Path) -> None:
    assert set(read_floor()) <= set(TIERS)
    file = tmp_path / "floor.json"
    file.write_text(json.dumps({"quick": 7}), encoding="utf-8")
    assert read_floor(file) == {"quick": 7}


@pytest.fixture
def clean_evidence(monkeypatch: pytest.MonkeyPatch) -> need.Evidence:
    evidence = need.Evidence()
    monkeypatch.setattr(need, "EVIDENCE", evidence)
    return evidence


def test_a_missing_counterpart_skips_with_a_reason(
    clean_evidence: need.Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program not installed"):
        need.need("no-such-program")
    assert list(clean_evidence.not_run.values()) == ["no-such-program not installed"]


def test_in_ci_a_missing_counterpart_fails(clean_evidence: need.Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="in CI it must be there"):
        need.need("no-such-program")
    assert clean_evidence.not_run


def test_missing_assets_never_fail(clean_evidence: need.Evidence, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("APPLIANCE_ASSETS", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"assets not here: videos/x\.mp4"):
        need.need_assets("videos/x.mp4")
    assert clean_evidence.not_run


def test_assets_are_found_by_name(
    clean_evidence: need.Evidence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "x.mp4").write_bytes(b"x")
    monkeypatch.setenv("APPLIANCE_ASSETS", str(tmp_path))
    assert need.need_assets("videos/x.mp4") == tmp_path
    with pytest.raises(pytest.skip.Exception, match=r"videos/y\.mp4"):
        need.need_assets("videos/x.mp4", "videos/y.mp4")
    assert clean_evidence.used == {"assets": 1}


def test_what_ran_is_counted(clean_evidence: need.Evidence) -> None:
    assert Path(need.need("sh")).name == "sh"
    assert clean_evidence.used == {"sh": 1}


@pytest.mark.parametrize(("ci", "passed", "status"), [("true", 9, 1), ("true", 10, 0), ("", 9, 0)])
def test_in_ci_a_run_below_the_floor_fails(
    clean_evidence: need.Evidence, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ci: str, passed: int, status: int
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(tiers, "EVIDENCE", clean_evidence)
    monkeypatch.setattr(tiers, "ROOT", tmp_path)
    monkeypatch.setattr(tiers, "read_floor", lambda: {"quick": 12})
    clean_evidence.not_run = {"a": "assets not here: x", "b": "assets not here: y", "c": "needs root"}
    plan = Tiers(["quick"], hold_floor=True)
    plan.outcomes["passed"] = passed
    session = SimpleNamespace(exitstatus=0)
    plan.pytest_sessionfinish(cast(pytest.Session, session), 0)
    assert session.exitstatus == status
    assert json.loads((tmp_path / "build" / "tests-quick.json").read_text(encoding="utf-8"))["ran"] == passed + 2
