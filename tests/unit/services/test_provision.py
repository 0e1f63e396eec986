"""Taking a provisioning file over: once, all or nothing wherever the power goes, and without a secret told."""

import errno
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import main
from appliance.services import provision
from appliance.services.provision import Places, present
from tests.unit.site.test_provision import SITE, good


class PowerCut(BaseException):
    """Nothing of the product can catch it."""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    box = tmp_path / "box"
    return Places(box / "site", box / "sealed", box / "network", box / "told/outcome.json")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "provision.json"
    found.write_text(json.dumps(good()), encoding="utf-8")
    return found


def test_a_file_is_taken_over_once_and_another_changes_nothing(places: Places, file: Path) -> None:
    assert present((), places) is provision.NOT_SET_UP
    done = present((file,), places)
    assert (done.applied, done.well) == (True, True)
    assert "Essai" in done.fr[0]
    assert (places.current / "site.toml").read_text(encoding="utf-8").startswith(SITE.rstrip())
    assert "10.20.0.1/24" in (places.network / "10-cameras.network.d/site.conf").read_text(encoding="ascii")
    kept = places.current.readlink()
    again = present((file,), places)
    assert (again.applied, again.well) == (False, True)
    file.write_text(json.dumps(good(site_toml=SITE.replace("Essai", "Autre"))), encoding="utf-8")
    other = present((file,), places)
    assert (other.applied, other.well) == (False, False)
    assert "n'a rien changé" in other.fr[0]
    assert places.current.readlink() == kept
    assert "Essai" in (places.current / "site.toml").read_text(encoding="utf-8")


def test_secrets_are_their_owners_alone_and_nowhere_else(places: Places, file: Path) -> None:
    before = os.umask(0)
    try:
        present((file,), places)
    finally:
        os.umask(before)
    secret = "une seule fois"
    holding = [
        path for path in places.site.parent.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()
    ]
    assert holding == [places.sealed / "enrolment-password"]
    for path in (holding[0], places.sealed / "page/first-account.json", places.current / "cameras.toml"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((places.current / "site.toml").stat().st_mode) == 0o644


def test_a_bad_file_is_told_for_the_console_and_nothing_is_written(places: Places, file: Path) -> None:
    file.write_text(json.dumps(good(enrolment_password="bref"), indent=1), encoding="utf-8")
    assert not present((file,), places).well
    assert not places.current.exists()
    told = json.loads(places.told.read_text(encoding="utf-8"))
    assert "Rien n'a été changé" in told["fr"][0]
    assert "enrolment_password" in told["fr"][1]
    assert "bref" not in " ".join(told["fr"] + told["en"])


@pytest.mark.parametrize("what", ["folder", "link", "pipe"])
def test_what_is_no_plain_file_is_not_read(what: str, places: Places, tmp_path: Path) -> None:
    odd = tmp_path / "odd.json"
    if what == "folder":
        odd.mkdir()
    elif what == "link":
        odd.symlink_to("/dev/zero")
    else:
        os.mkfifo(odd)
    assert not present((odd,), places).well


def test_the_site_may_be_a_file_beside(places: Places, file: Path) -> None:
    file.write_text(json.dumps(good(site_toml=None, site_file="college.toml")), encoding="utf-8")
    assert "college.toml" in present((file,), places).fr[0]
    (file.parent / "college.toml").write_text(SITE, encoding="utf-8")
    assert present((file,), places).applied


def test_a_disk_that_takes_no_writing_is_told_and_the_next_start_takes_the_file_over(
    places: Places, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert not present((file,), places).well
    assert "No space left" in json.loads(places.told.read_text(encoding="utf-8"))["en"][0]
    assert not places.current.exists()
    assert present((file,), places).applied


def snapshot(places: Places) -> dict[str, bytes]:
    return {str(p.relative_to(places.current)): p.read_bytes() for p in places.current.rglob("*") if p.is_file()}


def test_power_cut_at_any_step_leaves_it_not_set_up_or_set_up_and_the_next_start_ends_it(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every call that changes the disk or flushes it is one step; the cut comes before each of them in turn."""
    left = [0]

    def cutting(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if left[0] == 0:
                raise PowerCut
            left[0] -= 1
            return real(*args, **kwargs)

        return call

    whole = Places(tmp_path / "w/site", tmp_path / "w/sealed", tmp_path / "w/network", tmp_path / "w/told/o.json")
    present((file,), whole)
    wanted = snapshot(whole)
    cuts = set_up = 0
    for step in range(400):
        box = tmp_path / f"b{step}"
        places = Places(box / "site", box / "sealed", box / "network", box / "told/o.json")
        left[0] = step
        with monkeypatch.context() as patch:
            for holder, name in (
                (os, "open"), (os, "fsync"), (os, "fchmod"), (Path, "replace"), (Path, "mkdir"),
                (Path, "symlink_to"), (Path, "unlink"), (Path, "chmod"), (Path, "write_bytes"), (Path, "write_text"),
            ):  # fmt: skip
                patch.setattr(holder, name, cutting(getattr(holder, name)))
            try:
                present((file,), places)
            except PowerCut:
                cuts += 1
            else:
                break
        if places.current.exists():
            set_up += 1
            assert snapshot(places) == wanted, f"step {step}"
            assert (places.sealed / "enrolment-password").exists()
        present((file,), places)
        assert snapshot(places) == wanted, f"step {step}"
        assert (places.network / "10-cameras.network.d/site.conf").exists()
        assert not list(places.site.glob("*.new"))
    assert cuts > 60
    assert 0 < set_up < cuts


def test_the_office_checks_a_file(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    assert main(["provision", "check", str(file)]) == 0
    assert "rien à redire" in capsys.readouterr().out
    file.write_text('{"version": 1}', encoding="utf-8")
    assert main(["provision", "check", str(file)]) == 1
    said = capsys.readouterr().err
    assert "network : manque" in said


def test_a_start_without_a_file_loads_nothing_that_reads_one(places: Places) -> None:
    """Recording waits for this at each start."""
    code = (
        "import sys; from pathlib import Path; from appliance.services.provision import Places, present; "
        "present((), Places(*map(Path, sys.argv[1:]))); print(*sys.modules)"
    )
    folders = [places.site, places.sealed, places.network, places.told]
    done = subprocess.run([sys.executable, "-c", code, *folders], capture_output=True, text=True, check=True)
    assert places.told.exists()
    assert not {"pydantic", "appliance.site.provision"} & set(done.stdout.split())
