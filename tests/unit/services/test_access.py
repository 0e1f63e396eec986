"""Who may ask what: by the users of the units, and nothing is open that nobody wrote down."""

from typing import get_args

from appliance.alerts.protocol import Request as AlertRequest
from appliance.ring.access import protocol
from appliance.ring.protect import protocol as hold_protocol
from appliance.services.access import DETECTOR, OF_DETECTOR, OF_RECORDER, WEB, allowed, uid_of

UIDS = {WEB: 801, DETECTOR: 802}


def verbs(*unions: object) -> set[str]:
    return {str(get_args(model.model_fields["verb"].annotation)[0]) for union in unions for model in get_args(union)}


def test_each_user_has_its_verbs_and_no_other() -> None:
    table = allowed(OF_RECORDER, UIDS.get)
    assert table["state"] == {801, 802}
    assert table["ranges"] == table["confirm-time"] == {801}
    assert table["subscribe"] == table["hold"] == {802}
    assert allowed(OF_DETECTOR, UIDS.get)["arm"] == {801}


def test_what_people_decide_at_the_console_is_open_to_no_service() -> None:
    table = allowed(OF_RECORDER, UIDS.get)
    for verb in ("adopt", "release-hold", "holds"):
        assert not table.get(verb)


def test_a_user_that_is_not_there_may_nothing() -> None:
    assert set(allowed(OF_RECORDER, {DETECTOR: 802}.get).values()) == {frozenset(), frozenset({802})}
    assert set(allowed(OF_RECORDER, lambda _: None).values()) == {frozenset()}


def test_every_verb_written_down_exists() -> None:
    known = verbs(protocol.Request, hold_protocol.AnyHoldRequest)
    assert frozenset().union(*OF_RECORDER.values()) <= known
    assert frozenset().union(*OF_DETECTOR.values()) <= verbs(AlertRequest)


def test_names_are_the_systems() -> None:
    assert uid_of("root") == 0
    assert uid_of("no-such-user-here") is None
