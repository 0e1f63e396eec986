"""The verdict is taken from the durable mark, and each thing that is wrong is said once."""

from typing import Any

import pytest

from appliance.web.sight import WORDS, sight_issues
from appliance.web.verdict import LATE_US, NOTED_US, STARTING_US, build_state

NOW = 1_795_500_000_000_000


def answer(*streams: dict[str, Any], **more: Any) -> dict[str, Any]:
    named = dict(zip(("main", "sub"), streams, strict=False))
    return {"now_utc_us": NOW, "cameras": [{"id": "a", "name": "A", "place": "P", "streams": named}], **more}


def stream(age_us: int | None, cause: str = "NONE", **more: Any) -> dict[str, Any]:
    durable = None if age_us is None else NOW - age_us
    return {"state": "playing", "cause": cause, "durable_utc_us": durable, "first_utc_us": durable, **more}


def test_a_stream_records_as_long_as_its_mark_follows_whatever_its_state_says() -> None:
    body = build_state(answer(stream(LATE_US, "CAMERA_SILENT"), stream(0)))
    assert body["verdict"] == "ok"
    body = build_state(answer(stream(LATE_US + 1, "CAMERA_SILENT"), stream(0)))
    assert body["verdict"] == "attention"
    assert [issue["fr"] for issue in body["issues"]] == [
        "A, pleine définition\u202f: n'enregistre plus (la caméra n'envoie plus d'image)"
    ]


def test_a_young_stream_is_starting_and_an_old_one_without_pictures_is_not() -> None:
    young = build_state(answer(stream(None, since_utc_us=NOW - STARTING_US)))
    assert (young["verdict"], young["issues"]) == ("starting", [])
    old = build_state(answer(stream(None, since_utc_us=NOW - STARTING_US - 1)))
    assert old["verdict"] == "attention"
    assert old["issues"][0]["code"] == "UNKNOWN"
    assert old["issues"][0]["since_us"] == NOW - STARTING_US - 1


def test_a_dead_camera_is_one_issue_and_two_causes_are_two() -> None:
    dead = build_state(answer(stream(LATE_US * 9, "CAMERA_AUTH"), stream(LATE_US * 8, "CAMERA_AUTH")))
    assert [issue["since_us"] for issue in dead["issues"]] == [NOW - LATE_US * 9]
    mixed = build_state(answer(stream(LATE_US * 9, "CAMERA_AUTH"), stream(LATE_US * 8, "CAMERA_SILENT")))
    assert [issue["code"] for issue in mixed["issues"]] == ["CAMERA_AUTH", "CAMERA_SILENT"]


def test_late_jobs_and_lost_disks_are_said() -> None:
    jobs = [{"name": "ring ticks", "late": True, "error": "OSError"}, {"name": "fine", "late": False}]
    disks = [{"path": "/a", "error": "gone", "error_fr": "absent"}, {"path": "/b", "mark_utc_us": 0}]
    body = build_state(answer(stream(0), jobs=jobs, disks=disks))
    assert [issue["code"] for issue in body["issues"]] == ["DISK", "JOB"]
    assert body["issues"][0]["fr"] == "Disque /a\u202f: n'enregistre plus (absent)"
    assert "ring ticks" in body["issues"][1]["en"]


def test_a_journal_that_fails_is_said_in_its_own_words() -> None:
    fault = {"code": "journal-write-failed", "fr": "Écriture du journal impossible.", "en": "It cannot be written."}
    body = build_state(answer(stream(0), journal={"head": 1, "faults": [fault]}))
    assert body["verdict"] == "attention"
    assert [(issue["code"], issue["fr"], issue["en"]) for issue in body["issues"]] == [
        ("JOURNAL", "Écriture du journal impossible.", "It cannot be written.")
    ]


def test_a_record_that_was_put_back_is_said_in_its_own_words() -> None:
    fault = {"code": "record-restored", "fr": "events.db manquait.", "en": "events.db was missing."}
    body = build_state(answer(stream(0), records=[fault]))
    assert [(issue["code"], issue["fr"]) for issue in body["issues"]] == [("RECORD", "events.db manquait.")]


def test_a_lost_disk_says_whether_another_still_records() -> None:
    lost = {"path": "/a", "name_fr": "du tiroir 3", "error": "gone", "error_fr": "absent"}
    one = build_state(answer(stream(0), disks=[lost, {"path": "/b"}]))["issues"][0]
    assert one["fr"] == "Disque du tiroir 3\u202f: n'enregistre plus (absent)"
    assert one["todo_fr"].startswith("L'enregistrement continue sur un autre disque.")
    none = build_state(answer(stream(0), disks=[lost]))["issues"][0]
    assert none["todo_fr"].startswith("Plus aucun disque n'enregistre")


@pytest.mark.parametrize(
    ("begun", "told"),
    [
        ({"cause": "POWER", "before_us": NOW - 9, "at_us": NOW - 3}, True),
        ({"cause": "POWER", "before_us": NOW - NOTED_US - 9, "at_us": NOW - NOTED_US}, False),
        ({"cause": "POWER", "before_us": 0, "at_us": NOW - 3}, False),
        ({"cause": "POWER", "before_us": NOW, "at_us": NOW - 3}, False),
        ({"cause": "UPDATE", "before_us": NOW - 9, "at_us": NOW - 3}, False),
    ],
)
def test_last_nights_power_cut_is_noted_for_a_day_and_is_no_fault_any_more(begun: dict[str, Any], told: bool) -> None:
    body = build_state(answer(stream(0), begun=begun))
    assert body["verdict"] == "ok"
    assert [(note["from_us"], note["to_us"]) for note in body["notes"]] == ([(NOW - 9, NOW - 3)] if told else [])


def test_what_others_know_of_counts_in_the_verdict() -> None:
    more = sight_issues([sight("covered")], {"a": "Cour"})
    body = build_state(answer(stream(0)), more)
    assert (body["verdict"], body["issues"]) == ("attention", more)


def sight(rule: str, **more: Any) -> dict[str, Any]:
    return {"camera": "a", "rule": rule, "opened_us": 7, "closed_us": None, "answer": None, **more}


@pytest.mark.parametrize("rule", sorted(WORDS))
def test_a_camera_that_sees_nothing_is_said_with_what_to_do_until_it_sees_or_is_called_false(rule: str) -> None:
    (issue,) = sight_issues([sight(rule), sight(rule)], {"a": "Cour"})
    assert issue["fr"].startswith("Cour\u202f: ")
    assert issue["since_us"] == 7
    assert issue["todo_fr"]
    assert sight_issues([sight(rule, closed_us=9)], {}) == []
    assert sight_issues([sight(rule, answer={"verdict": "false"})], {}) == []
    assert len(sight_issues([sight(rule, answer={"verdict": "confirmed"})], {})) == 1
    assert sight_issues([sight("intrusion")], {}) == []
