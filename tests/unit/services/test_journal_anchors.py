"""Lines removed at the end of another service's journal are found by what the recorder noted of it."""

import asyncio
from pathlib import Path

import pytest

from appliance.core.chain import Facts, content, journal_files
from appliance.core.chain_file import ChainFile, JournalSettings
from appliance.services.journal_anchors import NOTED, JournalAnchors, last_heads, noted_anchors
from appliance.services.journal_words import check
from tests.unit.core.chain_rig import STAMP, record


class Writer:
    """The journal of one process."""

    def __init__(self, folder: Path, process: str) -> None:
        self.file = ChainFile(JournalSettings(folder, process, "box", "Site"), lambda: STAMP)
        self.file.ready()

    def tell(self, kind: str, facts: Facts) -> bool:
        self.file.write([content(STAMP, kind, facts)])
        self.file.sync()
        return True

    def count(self, first: int, last: int) -> None:
        self.file.write([record(number) for number in range(first, last)])
        self.file.sync()


def cut_last_lines(folder: Path, process: str, lines: int) -> None:
    file = journal_files(folder, process)[-1]
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-lines]))


async def test_an_anchor_is_noted_one_look_late_and_once(tmp_path: Path) -> None:
    noted: list[Facts] = []
    web = await asyncio.to_thread(Writer, tmp_path, "web")

    def tell(kind: str, facts: Facts) -> bool:
        assert kind == NOTED
        noted.append(facts)
        return True

    anchors = JournalAnchors(tmp_path, "recorder", tell)
    await asyncio.to_thread(web.count, 0, 5)
    first = web.file.durable
    await anchors.once()
    assert noted == [], "not before it is durable for certain"
    await asyncio.to_thread(web.count, 5, 9)
    await anchors.once()
    assert noted == [{"service": "web", "anchor": str(first)}]
    for _ in range(3):
        await anchors.once()
    assert noted[1:] == [{"service": "web", "anchor": str(web.file.durable)}]


@pytest.mark.parametrize("grown_again", [0, 20])
def test_verify_finds_lines_removed_at_the_end(
    tmp_path: Path, grown_again: int, capsys: pytest.CaptureFixture[str]
) -> None:
    recorder, web = Writer(tmp_path, "recorder"), Writer(tmp_path, "web")
    web.count(0, 5)
    recorder.tell(NOTED, {"service": "web", "anchor": str(last_heads(tmp_path, "recorder")["web"])})
    assert check(tmp_path, None, "fr") == 0
    assert "web : 6 lignes, aucune ne manque, aucune n'est changée ; fin confirmée par 1" in capsys.readouterr().out
    web.file.close()
    cut_last_lines(tmp_path, "web", 2)
    if grown_again:
        Writer(tmp_path, "web").count(100, 100 + grown_again)
    assert check(tmp_path, None, "fr") == 1
    told = capsys.readouterr().out
    assert ("un repère dit autre chose" if grown_again else "lignes retirées à la fin (numéros 5 à 6)") in told
    assert "✔ recorder" in told


def test_a_journal_of_which_nothing_is_left_is_missed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recorder, detector = Writer(tmp_path, "recorder"), Writer(tmp_path, "detector")
    detector.count(0, 3)
    recorder.tell(NOTED, {"service": "detector", "anchor": str(last_heads(tmp_path, "recorder")["detector"])})
    detector.file.close()
    for file in journal_files(tmp_path, "detector"):
        file.unlink()
    assert check(tmp_path, None, "en") == 1
    assert "✖ detector" in capsys.readouterr().out


def test_hostile_lines_are_no_anchors(tmp_path: Path) -> None:
    recorder = Writer(tmp_path, "recorder")
    for anchor in ("", "7", f"x:{'a' * 64}", f"0:{'a' * 64}"):
        recorder.tell(NOTED, {"service": "web", "anchor": anchor})
    recorder.tell("service-started", {"version": f'"kind":"{NOTED}"'})
    file = journal_files(tmp_path, "recorder")[-1]
    with file.open("ab") as more:
        more.write(b'{"n":9,"kind":"anchor-noted"\n\xff\xfeanchor-noted')
    assert not noted_anchors(tmp_path, "recorder")
    (tmp_path / "web-000000000001.log").write_bytes(b"\x00" * 70_000)
    (tmp_path / "odd-000000000001.log").write_bytes(b"{}\n")
    assert not last_heads(tmp_path, "recorder")
    assert not last_heads(tmp_path / "nowhere", "recorder")
