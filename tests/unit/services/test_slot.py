"""`appliance status` on a box: which image runs, from which slot, why, and what became of a refused start."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.errors import Language
from appliance.services import slot
from appliance.services.slot import COUNTED, Started, sentences, started_now

GOOD = Started("0.2.0", "B", "", ("temoin_0.1.0.efi", "temoin_0.2.0.efi"))
REFUSED = {"entry": "temoin_0.2.0+2-1.efi", "at_utc_us": 0, "fr": ["disque : plein"], "en": ["disk: full"]}


def test_no_image_no_line() -> None:
    assert sentences(Started("", "", "", ()), REFUSED, "fr") == []


def test_a_proven_version_is_well() -> None:
    assert sentences(GOOD, {}, "fr") == [(True, "Version : 0.2.0, emplacement B, elle a fait ses preuves")]
    assert sentences(GOOD, {}, "en") == [(True, "Version: 0.2.0, slot B, proven good")]


def test_a_version_on_trial_tells_how_many_starts_it_has_left() -> None:
    started = Started("0.2.0", "B", "temoin_0.2.0+2-1.efi", ("temoin_0.1.0.efi", "temoin_0.2.0+2-1.efi"))
    ((well, words),) = sentences(started, {}, "fr")
    assert well
    assert "encore 2 démarrage(s)" in words


def test_the_version_before_says_that_it_runs_because_the_next_one_failed() -> None:
    started = Started("0.1.0", "A", "", ("temoin_0.1.0.efi", "temoin_0.2.0+0-3.efi"))
    ((well, words),) = sentences(started, {}, "fr")
    assert not well
    assert words.endswith("reprise parce que la version suivante n'a pas fait ses preuves : 0.2.0 (3 démarrages)")


@pytest.mark.parametrize("language", ["fr", "en"])
def test_a_refused_start_is_news_until_that_version_is_proven(language: Language) -> None:
    def told(since: str) -> tuple[bool, str]:
        kept = {**REFUSED, "since": {"entry": since, "at_utc_us": 86_400_000_000}} if since else REFUSED
        return sentences(GOOD, kept, language)[-1]

    assert told("")[0] is False
    assert ("disque : plein" if language == "fr" else "disk: full") in told("")[1]
    assert told("temoin_0.1.0.efi")[0] is False
    well, words = told("temoin_0.2.0.efi")
    assert well
    assert "1970-01-02" in words
    assert ("passé" if language == "fr" else "past") in words


@given(
    left=st.integers(0, 9),
    done=st.integers(0, 9),
    version=st.from_regex(r"[0-9]\.[0-9]\.[0-9](-rc[0-9])?", fullmatch=True),
)
def test_only_an_entry_with_no_start_left_has_failed(left: int, done: int, version: str) -> None:
    entries = (f"temoin_{version}+{left}-{done}.efi", "temoin_9.9.9.efi", "other+0-3.efi")
    assert slot.failed(entries) == ({version: done} if left == 0 else {})


def test_it_is_read_from_image_kernel_firmware_and_esp(tmp_path: Path) -> None:
    assert started_now(tmp_path) == Started("", "", "", ())
    for name in ("root-b", "verity-b"):
        (tmp_path / "sys/block/dm-0/slaves" / name).mkdir(parents=True)
        (tmp_path / "sys/block/dm-0/slaves" / name / "uevent").write_text(f"PARTN=4\nPARTNAME=temoin-{name}\n")
    for file, data in (
        ("usr/lib/appliance/version", b"0.2.0\n"),
        (
            f"sys/firmware/efi/efivars/{COUNTED}",
            b"\6\0\0\0" + "\\EFI\\Linux\\temoin_0.2.0+2-1.efi\0".encode("utf-16-le"),
        ),
        ("efi/EFI/Linux/temoin_0.2.0+2-1.efi", b""),
    ):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(data)
    found = started_now(tmp_path)
    assert found == Started("0.2.0", "B", "temoin_0.2.0+2-1.efi", ("temoin_0.2.0+2-1.efi",))
