"""The journal of a service: lines before it has begun, faults that stop nothing, what the state says of it."""

import asyncio
import tomllib
from hashlib import sha256
from pathlib import Path

import appliance
from appliance.core.chain import Head, journal_files, read
from appliance.core.chain_verify import verify
from appliance.core.clock import SimulatedClock
from appliance.services.journal import RECORDER, begin, end, journal_folder, journal_state, make_journal, telling
from appliance.site.load import load_site
from appliance.site.model import Site
from tests.unit.site.test_site import GOOD

ROOT = Path(appliance.__file__).parents[1]


def a_site(folder: Path) -> Site:
    file = folder / "site.toml"
    text = GOOD.replace('secrets = "secrets.toml"\n', "") + '\n[recorder]\nindex = "state/index.db"\n'
    file.write_text(text, encoding="utf-8")
    site = load_site(file)
    assert site.fingerprint == sha256(text.encode()).hexdigest()
    return site


def proved(site: Site, anchor: Head) -> bool:
    return verify(journal_files(journal_folder(site), RECORDER), [anchor]).ok


def kinds(site: Site) -> list[str]:
    return [line.kind for line in read(journal_files(journal_folder(site), RECORDER))]


async def test_what_is_told_before_the_journal_has_begun_is_its_first_line(tmp_path: Path) -> None:
    site = await asyncio.to_thread(a_site, tmp_path)
    journal = make_journal(site, RECORDER, SimulatedClock())
    tell = telling(journal)
    assert tell("service-started", {"version": "1"})
    await begin(journal)
    assert tell("service-stopped", {"version": "1"})
    await end(journal)
    assert await asyncio.to_thread(kinds, site) == ["journal", "service-started", "service-stopped"]
    state = journal_state(journal)
    assert state["head"] == 3
    assert state["faults"] == []
    assert await asyncio.to_thread(proved, site, Head(3, str(state["head_hash"])))


async def test_a_folder_that_cannot_be_made_is_a_fault_and_nothing_more(tmp_path: Path) -> None:
    site = await asyncio.to_thread(a_site, tmp_path)
    (tmp_path / "state").touch()
    journal = make_journal(site, RECORDER, SimulatedClock())
    tell = telling(journal)
    await begin(journal)
    assert tell("service-started", {"version": "1"})
    state = journal_state(journal)
    assert [fault["code"] for fault in state["faults"]] == ["journal-write-failed"]  # type: ignore[attr-defined]
    await end(journal)


async def test_a_journal_that_another_process_holds_is_a_fault_and_nothing_more(tmp_path: Path) -> None:
    site = await asyncio.to_thread(a_site, tmp_path)
    first, second = (make_journal(site, RECORDER, SimulatedClock()) for _ in range(2))
    await begin(first)
    await begin(second)
    assert telling(second)("service-started", {"version": "1"})
    faults = journal_state(second)["faults"]
    assert [fault["code"] for fault in faults] == ["journal-in-use"]  # type: ignore[attr-defined]
    await end(second)
    await end(first)
    assert await asyncio.to_thread(kinds, site) == ["journal"]


async def test_facts_that_no_line_holds_do_not_raise(tmp_path: Path) -> None:
    site = await asyncio.to_thread(a_site, tmp_path)
    journal = make_journal(site, RECORDER, SimulatedClock())
    tell = telling(journal)
    await begin(journal)
    assert not tell("Not A Kind", {})
    assert not tell("run-begun", {"why": "x" * 20_000})
    assert tell("run-begun", {"camera": "portail"})
    await end(journal)
    assert await asyncio.to_thread(kinds, site) == ["journal", "run-begun"]


def test_the_version_told_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == appliance.__version__
