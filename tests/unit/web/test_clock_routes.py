"""A person's word on the recorder's time over the API: who may, what must be seen, what is entered."""

from appliance.accounts.roles import RIGHTS, Right, Role
from appliance.core.clock_reason import CONFIRMED, ONE_SOURCE
from appliance.web.clock_routes import APART_US
from tests.unit.web.conftest import Api

PATH = "/api/v1/clock/confirm"


async def test_who_may_see_the_state_but_a_viewer_vouches_for_the_time_and_is_entered(api: Api) -> None:
    assert {role for role in Role if Right.CLOCK in RIGHTS[role]} == set(Role) - {Role.VIEWER}
    for role in (Role.MANAGER, Role.TECHNICIAN, Role.CENTRAL):
        api.recorder.judged("doubtful", ONE_SOURCE, api.recorder.now_us - 1)
        await api.as_(role)
        api.told.clear()
        answer = await api.post("confirmTime", PATH, {"shown_us": api.recorder.now_us - APART_US})
        assert (answer["clock"]["state"], answer["clock"]["fr"]) == ("held", CONFIRMED.fr)
        (facts,) = [facts for kind, facts in api.told if kind == "clock-confirmed"]
        assert facts["shown_us"] == api.recorder.now_us - APART_US
        assert (await api.json("state", "/api/v1/state"))["clock"]["state"] == "held"


async def test_a_time_that_is_not_the_recorders_any_more_is_not_confirmed(api: Api) -> None:
    api.recorder.judged("doubtful", ONE_SOURCE, api.recorder.now_us - 1)
    for apart in (APART_US + 1, -APART_US - 1):
        problem = await api.post("confirmTime", PATH, {"shown_us": api.recorder.now_us + apart}, status=409)
        assert problem["code"] == "time-has-moved"
    assert api.recorder.clock["state"] == "doubtful"
    assert not [kind for kind, _ in api.told if kind == "clock-confirmed"]


async def test_a_recorder_that_does_not_answer_has_confirmed_nothing(api: Api) -> None:
    api.recorder.down = True
    problem = await api.post("confirmTime", PATH, {"shown_us": api.recorder.now_us}, status=503)
    assert "ne répond pas" in problem["fr"]
    assert not [kind for kind, _ in api.told if kind == "clock-confirmed"]
