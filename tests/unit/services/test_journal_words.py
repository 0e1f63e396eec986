"""Journals in words: every line has some, a time that nobody vouches for is marked, problems name what is missing."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

import appliance
from appliance import cli
from appliance.accounts.passkey import Fault
from appliance.core.chain import Facts, Head, Line, Stamp, parse_head, processes
from appliance.core.chain_file import ChainFile, JournalSettings
from appliance.core.chain_verify import verify
from appliance.services.journal_words import _SENTENCES, check, in_words, sentence, verdict
from tests.unit.core.chain_rig import STAMP, record
from tests.unit.site.test_calendar import at

PARIS = ZoneInfo("Europe/Paris")


def line(kind: str, facts: Facts, clock: str = "verified") -> Line:
    return Line(7, Stamp(at("2026-11-24T08:00"), clock, "", 0), kind, dict(facts), "")


def written(folder: Path, process: str = "recorder", count: int = 5) -> Head:
    file = ChainFile(JournalSettings(folder, process, "box", "Site"), lambda: STAMP)
    file.ready()
    file.write([record(number) for number in range(count)])
    file.sync()
    file.close()
    return file.durable


def test_a_line_in_words() -> None:
    facts: Facts = {"camera": "cour", "cause": "PLANNED", "until_utc_us": at("2026-11-24T18:15")}
    begun = line("pause-begun", facts)
    assert in_words(begun, PARIS, "fr") == (
        "     7 24/11/2026 08:00:00  cour : pause prévue (site ouvert), jusqu'à 24/11/2026 18:15:00"
    )
    assert "until 2026-11-24 18:15:00" in in_words(begun, PARIS, "en")
    many = line("run-ended", {"camera": "cour", "stream": "sub", "cause": "CAMERA_CLOSED", "changes": 40}, "doubtful")
    assert in_words(many, PARIS, "fr").startswith("     7 24/11/2026 08:00:00 ?  cour (sub) : enregistrement arrêté")
    assert in_words(many, PARIS, "fr").endswith("(40 changements groupés)")


@pytest.mark.parametrize("kind", _SENTENCES)
def test_every_known_kind_has_words_even_without_its_facts(kind: str) -> None:
    for language in ("fr", "en"):
        told = sentence(line(kind, {}), PARIS, "fr" if language == "fr" else "en")
        assert "{" not in told
        assert not told.startswith(f"{kind} (")


@pytest.mark.parametrize("fault", Fault)
def test_why_a_security_key_was_refused_is_told_in_words(fault: Fault) -> None:
    refused = line("passkey-refused", {"account": "durand", "reason": fault.value, "count": 1})
    assert fault.value not in sentence(refused, PARIS, "fr") + sentence(refused, PARIS, "en")


def test_every_kind_that_the_product_enters_has_words() -> None:
    found: set[str] = set()
    for file in Path(appliance.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        found |= set(re.findall(r"""tell\(\s*"([a-z]+(?:-[a-z]+)+)\"""", text))
    assert len(found) > 12
    assert found <= set(_SENTENCES)


def test_a_start_is_told_with_its_cause_when_it_has_one() -> None:
    assert sentence(line("service-started", {"version": "1"}), PARIS, "fr") == "démarrage, version 1"
    told = sentence(line("service-started", {"version": "1", "cause": "UPDATE"}), PARIS, "fr")
    assert told == "démarrage, version 1 ; avant cela : mise à jour"


def test_a_kind_that_has_no_words_shows_its_facts() -> None:
    assert sentence(line("never-heard", {"a": 1, "b": "x"}), PARIS, "fr") == "never-heard (a 1, b x)"
    assert sentence(line("never-heard", {}), PARIS, "fr") == "never-heard"


def test_anchors_are_read_strictly() -> None:
    head = Head(12, "a" * 64)
    assert parse_head(str(head)) == head
    for text in (
        "",
        "12",
        "12:",
        f"0:{'a' * 64}",
        f"x:{'a' * 64}",
        f"12:{'A' * 64}",
        f"12:{'a' * 63}",
        f"٣:{'a' * 64}",
    ):
        assert parse_head(text) is None


def test_verdicts_say_whether_the_end_is_confirmed(tmp_path: Path) -> None:
    head = written(tmp_path)
    files = sorted(tmp_path.glob("*.log"))
    whole = verify(files, [head])
    assert "end confirmed by 1 anchor" in verdict("recorder", whole, 1, "en")[0]
    assert "fin non confirmée" in verdict("recorder", verify(files), 0, "fr")[0]
    missing = verdict("recorder", verify(files, [Head(9, "b" * 64)]), 1, "fr")
    assert missing[0].startswith("✖ recorder : 1 anomalie(s)")
    assert "lignes retirées à la fin (numéros 7 à 9)" in missing[1]


def test_a_copied_folder_is_checked_with_an_anchor_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    head = written(tmp_path)
    assert cli.main(["journal", "verify", str(tmp_path), "--anchor", str(head)]) == cli.OK
    assert cli.main(["journal", "verify", str(tmp_path), "--anchor", f"6:{'b' * 64}"]) == cli.FOUND
    assert cli.main(["journal", "verify", str(tmp_path), "--anchor", "6"]) == cli.USAGE
    assert cli.main(["journal", "show", str(tmp_path), "--last", "2"]) == cli.OK
    assert "hour-erased (count 4)" in capsys.readouterr().out


def test_one_changed_byte_is_named_by_file_and_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(tmp_path)
    written(tmp_path, "web")
    assert processes(tmp_path) == ["recorder", "web"]
    assert check(tmp_path, None, "fr") == 0
    (file,) = tmp_path.glob("web-*.log")
    file.write_bytes(file.read_bytes().replace(b'"count":3', b'"count":8'))
    assert check(tmp_path, None, "fr") == 1
    told = capsys.readouterr().out
    assert "web-000000000001.log, ligne 5 : ligne changée ou illisible (numéro 5)" in told


def test_a_folder_without_journal_is_no_journal(tmp_path: Path) -> None:
    assert cli.main(["journal", "verify", str(tmp_path)]) == cli.CANNOT
    assert cli.main(["journal", "show", str(tmp_path)]) == cli.CANNOT
