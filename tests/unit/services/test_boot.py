"""`appliance boot`: what is looked at, and what a refused start leaves behind."""

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.core.confirmation import reasons
from appliance.core.errors import Language
from appliance.services import boot

UP = {"appliance-recorder": "active"}


def state(mark_us: int | None, error: str = "") -> dict[str, Any]:
    streams = {"main": {"durable_utc_us": mark_us}}
    return {"now_utc_us": 100_000_000, "cameras": [{"streams": streams}], "disks": [{"error": error}]}


def test_a_fresh_durable_mark_is_recording_and_an_old_one_is_not() -> None:
    assert reasons(boot.seen_of(UP, state(95_000_000))) == []
    assert len(reasons(boot.seen_of(UP, state(80_000_000)))) == 1
    assert len(reasons(boot.seen_of(UP, state(None)))) == 1
    assert len(reasons(boot.seen_of(UP, state(95_000_000, "read-only")))) == 1
    assert len(reasons(boot.seen_of(UP, None))) == 1, "the recorder does not answer"
    assert reasons(boot.seen_of(UP, {"now_utc_us": 0, "cameras": [], "disks": []})) == []


def test_the_started_entry_is_the_loaders_word(tmp_path: Path) -> None:
    assert boot.entry_now(tmp_path) == ""
    (tmp_path / boot.ENTRY).write_bytes(b"\6\0\0\0" + "temoin_0.1.0+2-1.efi\0".encode("utf-16-le"))
    assert boot.entry_now(tmp_path) == "temoin_0.1.0+2-1.efi"


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_refused_start_is_told_afterwards(
    tmp_path: Path, language: Language, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert boot.status(tmp_path, language) == 0

    async def refused(*_: object) -> object:
        return tuple(reasons(boot.seen_of(UP, None)))

    monkeypatch.setattr(boot, "_confirm", refused)
    monkeypatch.setattr(boot, "entry_now", lambda: "temoin_9.0.0+2.efi")
    assert boot.confirm(tmp_path / "no-site.toml", tmp_path / "boot", language) == 1
    kept = json.loads((tmp_path / "boot" / boot.REFUSED).read_text(encoding="utf-8"))
    assert kept["en"] == ["no camera is recorded"]
    capsys.readouterr()
    assert boot.status(tmp_path / "boot", language) == 1
    assert ("aucune caméra" if language == "fr" else "no camera is recorded") in capsys.readouterr().out

    async def good(*_: object) -> object:
        return ()

    monkeypatch.setattr(boot, "_confirm", good)
    monkeypatch.setattr(boot, "entry_now", lambda: "temoin_0.1.0.efi")
    assert boot.confirm(tmp_path / "no-site.toml", tmp_path / "boot", language) == 0
    assert boot.status(tmp_path / "boot", language) == 1, "another version took its place: that stays news"
    told = capsys.readouterr().out
    assert "temoin_0.1.0.efi" in told
    assert "temoin_9.0.0+2.efi" in told
    monkeypatch.setattr(boot, "entry_now", lambda: "temoin_9.0.0+1-1.efi")
    assert boot.confirm(tmp_path / "no-site.toml", tmp_path / "boot", language) == 0
    assert boot.status(tmp_path / "boot", language) == 0, "it has proven itself since"


def test_a_confirmed_start_leaves_nothing_where_none_was_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def good(*_: object) -> object:
        return ()

    monkeypatch.setattr(boot, "_confirm", good)
    assert boot.confirm(tmp_path / "no-site.toml", tmp_path, "fr") == 0
    assert not list(tmp_path.iterdir())


def test_state_and_restarts_are_systemds_word() -> None:
    text = (
        "Id=appliance-recorder.service\nActiveState=activating\nNRestarts=10\n\n"
        "NRestarts=0\nId=appliance-web.service\nActiveState=active\n"
    )
    units, deaths = boot.units_of(text)
    assert units == {"appliance-recorder": "activating", "appliance-detector": "?", "appliance-web": "active"}
    assert boot.seen_of(units, None, deaths).dying
    assert not boot.seen_of({**units, "appliance-recorder": "active"}, None, deaths).dying
    assert set(boot.units_of("")[0].values()) == {"?"}, "no word is no good word"
