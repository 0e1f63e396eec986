"""Aiming over the API: who may, for how long, how often; what is entered; and a keyframe's picture behind the lock."""

from typing import Any

import pytest

from appliance.accounts.aim import LASTS_US, Aim, Aims
from appliance.accounts.roles import Role
from appliance.core.clock import SimulatedClock
from appliance.core.database import DatabaseUnusable
from appliance.stills.errors import StillsUnreachable
from appliance.stills.wire import Kind
from appliance.web.aim import AIMS
from appliance.web.aim_book import AimBook
from appliance.web.stills import STILLS
from tests.peers.fake_recorder import FIRST_RUN_S, LENGTH_US, START_US
from tests.peers.fake_stills import JPEG, FakeStills
from tests.peers.looking import TECHNICIAN, Told
from tests.unit.web.conftest import Api

SECOND = 1_000_000
PICTURE = "/api/v1/cameras/portail/aim.jpg"
KEYFRAME = "/api/v1/cameras/portail/keyframe.jpg"


SESSION = b"of a ladder"


async def sits(_who: str, session: bytes) -> bool:
    return session == SESSION


def stills(api: Api) -> FakeStills:
    found = api.app[STILLS]
    assert isinstance(found, FakeStills)
    return found


async def aimed(api: Api, camera: str = "portail") -> dict[str, Any]:
    await api.as_(Role.TECHNICIAN)
    found: dict[str, Any] = (await api.post("openAim", "/api/v1/aims", {"camera": camera}, status=201))["aim"]
    return found


def told(api: Api, kind: str) -> list[dict[str, Any]]:
    return [dict(facts) for name, facts in api.told if name == kind]


async def test_a_technician_sees_one_picture_a_second_for_five_minutes(api: Api) -> None:
    assert (await aimed(api))["remaining_us"] == LASTS_US
    (begun,) = told(api, "aim-opened")
    assert (begun["who"], begun["camera"], begun["lasts_us"]) == ("martin", "portail", LASTS_US)
    answer = await api.get("aimPicture", PICTURE)
    assert answer.body == JPEG
    assert answer.headers["Cache-Control"] == "no-store"
    assert int(answer.headers["Media-Start-Utc"]) == START_US + LENGTH_US, "the newest that is durable"
    assert (await api.json("aimPicture", PICTURE, status=429))["code"] == "aim-too-soon"
    api.clock.advance(1)
    assert (await api.get("aimPicture", PICTURE)).headers["Aim-Remaining"] == str(LASTS_US - SECOND)
    assert stills(api).asked == [(Kind.NEWEST, 3)] * 2, "the light stream's parts of its last second"
    api.clock.advance(LASTS_US / SECOND - 1)
    assert (await api.json("aimPicture", PICTURE, status=403))["code"] == "aim-needed"
    assert (await api.json("currentAim", "/api/v1/aims/current"))["aim"] is None
    await api.app[AIMS].sweep()
    (ended,) = told(api, "aim-ended")
    assert (ended["how"], ended["pictures"], ended["ended_us"]) == ("time", 2, begun["opened_us"] + LASTS_US)
    await aimed(api)
    assert len(told(api, "aim-opened")) == 2, "five minutes more are an act of their own"


async def test_it_is_stopped_by_hand_and_by_another_camera(api: Api) -> None:
    await aimed(api)
    body = await api.post("openAim", "/api/v1/aims", {"camera": "portail"}, status=409)
    assert body["code"] == "aim-goes-on"
    await aimed(api, "cour")
    assert (await api.json("aimPicture", PICTURE, status=403))["code"] == "aim-needed"
    assert (await api.json("currentAim", "/api/v1/aims/current"))["aim"]["camera"] == "cour"
    assert (await api.delete("stopAim", "/api/v1/aims/current"))["aim"] is None
    assert (await api.delete("stopAim", "/api/v1/aims/current"))["aim"] is None
    assert [each["how"] for each in told(api, "aim-ended")] == ["other-camera", "stopped"]
    await api.post("openAim", "/api/v1/aims", {"camera": "cave"}, status=404)
    assert len(told(api, "aim-opened")) == 2


@pytest.mark.parametrize("role", [Role.MANAGER, Role.VIEWER, Role.CENTRAL])
async def test_nobody_else_aims(api: Api, role: Role) -> None:
    await aimed(api)
    await api.as_(role)
    assert (await api.json("aimPicture", PICTURE, status=403))["code"] == "right-missing"
    assert (await api.post("openAim", "/api/v1/aims", {"camera": "portail"}, status=403))["code"] == "right-missing"


async def test_whoever_reads_the_journal_sees_who_aimed(api: Api) -> None:
    begun = await aimed(api)
    await api.get("aimPicture", PICTURE)
    await api.delete("stopAim", "/api/v1/aims/current")
    assert (await api.json("aims", "/api/v1/aims", status=403, **{"from": 0, "to": 9}))["code"] == "right-missing"
    await api.as_(Role.MANAGER)
    span = {"from": begun["opened_us"], "to": begun["opened_us"] + 1}
    (row,) = (await api.json("aims", "/api/v1/aims", **span))["aims"]
    assert (row["person"], row["camera"], row["how"], row["pictures"]) == ("M. Martin", "portail", "stopped", 1)


async def test_an_old_picture_is_none_to_aim_by_and_a_failure_is_said(api: Api) -> None:
    await aimed(api)
    stills(api).fails = StillsUnreachable()
    assert (await api.json("aimPicture", PICTURE, status=503))["code"] == "stills-unreachable"
    stills(api).fails = None
    api.clock.advance(11)
    assert (await api.json("aimPicture", PICTURE, status=404))["code"] == "nothing-to-aim"
    await api.delete("stopAim", "/api/v1/aims/current")
    assert told(api, "aim-ended")[0]["pictures"] == 0


async def test_no_picture_without_its_line_and_a_killed_process_leaves_none_open(api: Api) -> None:
    journal, clock = Told(full=True), SimulatedClock(api.recorder.now_us)
    store = Aims(api.book.store.database)
    book = AimBook(store, clock, journal, sits)
    await api.as_(Role.TECHNICIAN)
    with pytest.raises(Exception, match="journal"):
        await book.open(TECHNICIAN, "cour", SESSION)
    assert (book.current(TECHNICIAN.name), await store.unended()) == (None, [])
    journal.full = False
    await book.open(TECHNICIAN, "cour", SESSION)
    clock.advance(1000)
    later = AimBook(store, clock, journal, sits)
    await later.load()
    (row,) = await store.newest(0, clock.utc_us(), 9)
    assert (row.how, row.ended_us) == ("service", row.opened_us + LASTS_US)
    assert later.current(TECHNICIAN.name) is None
    assert [name for name, _ in journal.lines] == ["aim-opened", "aim-ended"]


async def test_setting_the_clock_prolongs_nothing(api: Api) -> None:
    clock = SimulatedClock(api.recorder.now_us)
    book = AimBook(Aims(api.book.store.database), clock, Told(), sits)
    await book.open(TECHNICIAN, "cour", SESSION)
    clock.advance(200)
    clock._utc_us -= 3600 * SECOND
    clock.advance(100)
    assert book.current(TECHNICIAN.name) is None
    await book.close()


async def test_a_keyframe_comes_with_its_place_in_time(api: Api) -> None:
    answer = await api.get("keyframePicture", KEYFRAME, t=START_US + 3 * SECOND)
    assert answer.body == JPEG
    times = [int(answer.headers[f"Media-{name}-Utc"]) - START_US for name in ("Start", "End", "Next")]
    assert times == [2 * SECOND, 4 * SECOND, 4 * SECOND]
    assert stills(api).asked == [(Kind.KEYFRAME, 1)], "one part: nothing behind the picture leaves"
    gap = await api.json("keyframePicture", KEYFRAME, status=404, t=START_US + (FIRST_RUN_S + 2) * SECOND)
    assert gap["gap"]["cause"] == "CAMERA_SILENT"


async def test_a_keyframe_is_behind_the_viewing_lock_and_entered(api: Api) -> None:
    await api.get("keyframePicture", KEYFRAME, t=START_US + 3 * SECOND)
    (seen,) = told(api, "look-seen")
    assert (seen["camera"], seen["stream"], seen["from_us"]) == ("portail", "main", START_US + 2 * SECOND)
    api.clock.advance(3600)
    body = await api.json("keyframePicture", KEYFRAME, status=403, t=START_US + 3 * SECOND)
    assert (body["code"], len(stills(api).asked)) == ("look-over", 1)
    await api.as_(Role.TECHNICIAN)
    body = await api.json("keyframePicture", KEYFRAME, status=403, t=START_US + 3 * SECOND)
    assert body["code"] == "right-missing"


async def in_a_session(api: Api) -> str:
    """The technician aims; the number of the session as a manager names it."""
    await aimed(api)
    mine = (await api.json("sessions", "/api/v1/sessions"))["sessions"]
    return str(next(each["id"] for each in mine if each["mine"]))


async def nobody_aims(api: Api, how: str) -> None:
    """At once: no job of the service has run since."""
    assert [each["how"] for each in told(api, "aim-ended")] == [how]
    assert await api.app[AIMS].store.unended() == []
    await api.as_(Role.TECHNICIAN)
    assert (await api.json("aimPicture", PICTURE, status=403))["code"] == "aim-needed", "nor in another session"
    assert (await api.json("currentAim", "/api/v1/aims/current"))["aim"] is None


async def test_logging_out_ends_it(api: Api) -> None:
    await aimed(api)
    await api.delete("logOut", "/api/v1/session")
    await nobody_aims(api, "session")


async def test_a_session_that_is_revoked_ends_it_and_no_other_does(api: Api) -> None:
    number = await in_a_session(api)
    mine = dict(api.session.headers)
    await api.as_(Role.TECHNICIAN)
    await api.delete("logOut", "/api/v1/session")
    api.session.headers["Cookie"] = mine["Cookie"]
    assert (await api.json("currentAim", "/api/v1/aims/current"))["aim"]["camera"] == "portail"
    await api.as_(Role.MANAGER)
    await api.delete("endSession", f"/api/v1/sessions/{number}")
    await nobody_aims(api, "session")


async def test_an_account_that_is_withdrawn_aims_no_more(api: Api) -> None:
    await aimed(api)
    await api.as_(Role.MANAGER)
    await api.post("revokeAccount", "/api/v1/accounts/martin/revoke", {})
    assert [each["how"] for each in told(api, "aim-ended")] == ["session"]
    assert api.app[AIMS].current("martin") is None


async def test_an_authorisation_that_ends_by_itself_ends_it_too(api: Api) -> None:
    await aimed(api)
    await api.desk.store.prolong("martin", 0, api.desk.clock.utc_us())
    await api.app[AIMS].sweep()
    assert [each["how"] for each in told(api, "aim-ended")] == ["session"]


async def test_a_log_out_does_not_fail_where_the_end_is_not_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await aimed(api)

    async def sick(_aim: Aim) -> None:
        raise DatabaseUnusable(path="looks.db", why="disk full")

    book = api.app[AIMS]
    with monkeypatch.context() as change:
        change.setattr(book.store, "end", sick)
        await api.delete("logOut", "/api/v1/session")
    assert [each["how"] for each in told(api, "aim-ended")] == ["session"], "the journal has it"
    assert (book.current("martin"), len(await book.store.unended())) == (None, 1)
    await book.sweep()
    (row,) = await book.store.newest(0, 1 << 60, 9)
    assert (row.how, len(told(api, "aim-ended"))) == ("session", 1), "kept as soon as it can be, told once"
