"""What becomes of the system disk: for every machine and every state of its two partitions."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.sealing import LABELS, RECORDINGS, STATE, Machine, Part, decide

MACHINES = st.builds(Machine, st.booleans(), st.booleans())
FOUND = st.fixed_dictionaries({label: st.sampled_from(Part) for label in LABELS})
SEALS, BARE = Machine(tpm=True, secure_boot=True), Machine(tpm=False, secure_boot=False)
EMPTY = dict.fromkeys(LABELS, Part.ABSENT)


def test_a_first_start_seals_where_both_are_there_and_says_what_is_missing_where_not() -> None:
    assert decide(SEALS, EMPTY).sealed
    for machine, fr in (
        (BARE, "pas de TPM 2.0 et Secure Boot désactivé"),
        (Machine(tpm=True, secure_boot=False), ": Secure Boot désactivé"),
        (Machine(tpm=False, secure_boot=True), ": pas de TPM 2.0."),
    ):
        plan = decide(machine, EMPTY)
        assert (plan.sealed, plan.made, plan.opened) == (False, LABELS, LABELS)
        assert fr in plan.said[-1].fr.replace(" :", ":")


@given(machine=MACHINES, found=FOUND)
def test_what_holds_something_is_never_made_again_and_nothing_is_opened_half(
    machine: Machine, found: dict[str, Part]
) -> None:
    plan = decide(machine, found)
    for label in plan.made:
        assert found[label] in (Part.ABSENT, Part.UNFINISHED)
        assert label in plan.opened, "what was just made is used"
        assert not plan.sealed or machine.seals, "a key is never sealed to a machine that cannot keep it"
    assert set(plan.erased) == {label for label in plan.made if found[label] is Part.UNFINISHED}
    for label in plan.opened:
        assert label in plan.made or found[label] is (Part.SEALED if plan.sealed else Part.PLAIN)
    assert set(plan.made) in ({label for label in LABELS if found[label] in (Part.ABSENT, Part.UNFINISHED)}, set())


@given(machine=MACHINES, found=FOUND)
def test_all_that_is_not_as_it_should_be_is_said(machine: Machine, found: dict[str, Part]) -> None:
    plan = decide(machine, found)
    english = " ".join(reason.en for reason in plan.said)
    assert ("NOT ENCRYPTED" in english) is (not plan.sealed)
    for label in LABELS:
        assert (label in english) is (label in plan.made or label not in plan.opened)


@given(machine=MACHINES, found=FOUND)
def test_the_tpm_opens_recordings_only_for_the_state_they_were_made_with(
    machine: Machine, found: dict[str, Part]
) -> None:
    """Who wipes the state to set the appliance up as his own does not get what was recorded before."""
    plan = decide(machine, found)
    if plan.sealed and RECORDINGS in plan.opened and found[RECORDINGS] is Part.SEALED:
        assert (RECORDINGS in plan.by_key) is (found[STATE] is not Part.SEALED)
    else:
        assert plan.by_key == ()


@given(first=MACHINES, later=MACHINES, found=FOUND)
def test_once_done_every_later_start_only_opens_the_same(
    first: Machine, later: Machine, found: dict[str, Part]
) -> None:
    plan = decide(first, found)
    if plan.starts:
        now = Part.SEALED if plan.sealed else Part.PLAIN
        after = decide(later, {label: now if label in plan.made else part for label, part in found.items()})
        assert (after.sealed, after.erased) == (plan.sealed, ())
        assert set(plan.opened) <= set(after.opened)


def test_a_mixture_opens_the_state_alone() -> None:
    for state, recordings in ((Part.SEALED, Part.PLAIN), (Part.PLAIN, Part.SEALED)):
        plan = decide(SEALS, {STATE: state, RECORDINGS: recordings})
        assert (plan.opened, plan.made) == ((STATE,), ())
    assert not decide(SEALS, {STATE: Part.UNKNOWN, RECORDINGS: Part.SEALED}).starts
