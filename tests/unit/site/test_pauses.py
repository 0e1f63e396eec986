"""The book of pauses: what a gap is cut by, in this life of the process and from earlier ones."""

from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.site.pauses import BEGUN, ENDED, KEPT_US, STARTED, Pause, PauseBook

PLANNED, DOUBTFUL = GapCause.PLANNED, GapCause.CLOCK_DOUBTFUL
FAR = 1 << 60


def all_of(book: PauseBook, camera: str = "cour") -> list[tuple[int, int, GapCause]]:
    return [tuple(pause) for pause in book.between(camera, 0, FAR)]  # type: ignore[misc]


def begun(since: int, until: int, cause: GapCause = PLANNED) -> tuple[str, int, dict[str, str | int]]:
    return BEGUN, since + 1, {"camera": "cour", "cause": cause.name, "since_utc_us": since, "until_utc_us": until}


def test_a_pause_under_way_lasts_to_its_planned_end() -> None:
    book = PauseBook()
    book.begin("cour", 100, 900, PLANNED)
    assert all_of(book) == [(100, 900, PLANNED)]
    assert book.between("cour", 0, 500) == [Pause(100, 500, PLANNED)]
    assert all_of(book, "portail") == []
    book.end("cour", 400)
    assert all_of(book) == [(100, 400, PLANNED)]


def test_a_pause_without_a_known_end_lasts_until_it_is_over() -> None:
    book = PauseBook()
    book.begin("cour", 100, None, DOUBTFUL)
    assert all_of(book) == [(100, FAR, DOUBTFUL)]
    book.begin("cour", 300, 900, PLANNED)
    assert all_of(book) == [(100, 300, DOUBTFUL), (300, 900, PLANNED)]


def test_a_recorder_killed_in_a_pause_and_started_in_it_makes_one_pause() -> None:
    book = PauseBook()
    book.learn([begun(100, 900), (STARTED, 500, {})])
    assert all_of(book) == [(100, 500, PLANNED)]
    book.begin("cour", 100, 900, PLANNED)  # the calendar says since when
    assert all_of(book) == [(100, 900, PLANNED)]


def test_a_recorder_killed_in_a_pause_and_started_behind_it_paused_to_the_planned_end() -> None:
    book = PauseBook()
    book.learn([begun(100, 900), (STARTED, 2000, {})])
    assert all_of(book) == [(100, 900, PLANNED)]


def test_lines_that_are_odd_are_left_out() -> None:
    book = PauseBook()
    book.learn([
        (BEGUN, 5, {}), (BEGUN, 5, {"camera": "cour", "cause": "NEVER_HEARD"}), (ENDED, 6, {"camera": "cour"}),
        (BEGUN, 10, {"camera": "cour", "cause": "PLANNED", "since_utc_us": "x", "until_utc_us": 0}), (STARTED, 50, {}),
    ])  # fmt: skip
    assert all_of(book) == [(10, 50, PLANNED)]


def test_pauses_older_than_any_picture_are_forgotten() -> None:
    book = PauseBook()
    day = 86_400_000_000
    for number in range(100):
        book.begin("cour", number * day, None, PLANNED)
        book.end("cour", number * day + 1000)
    assert len(book._closed["cour"]) == KEPT_US // day + 1


instants = st.integers(0, 50)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), instants, st.one_of(st.none(), instants), st.sampled_from([PLANNED, DOUBTFUL])),
        st.tuples(st.just("end"), instants, st.none(), st.just(PLANNED)),
    ),
    max_size=20,
)


@given(steps, instants, instants)
def test_what_is_told_is_in_order_disjoint_and_inside_what_was_asked(
    done: list[tuple[str, int, int | None, GapCause]], a: int, b: int
) -> None:
    book = PauseBook()
    for what, at, until, cause in done:
        if what == "begin":
            book.begin("cour", at, until, cause)
        else:
            book.end("cour", at)
    low, high = min(a, b), max(a, b)
    found = book.between("cour", low, high)
    last = low
    for pause in found:
        assert last <= pause.from_us < pause.to_us <= high
        last = pause.to_us
    inside = {at for pause in found for at in range(pause.from_us, pause.to_us)}
    whole = {at for pause in book.between("cour", 0, 60) for at in range(pause.from_us, pause.to_us)}
    assert inside == {at for at in whole if low <= at < high}
