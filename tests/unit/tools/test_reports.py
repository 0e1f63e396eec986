"""A failed test's report: what is left over by the test cannot turn it into an internal error."""

import ast
import gc
from collections.abc import Iterator

import pytest

from tests.conftest import no_finalizers, pytest_runtest_makereport

SOURCE = "x = (1 + 2)\n" * 2000


class Left:
    """Found by the collector alone, and parses when it is: a task that nobody awaited does, for its traceback."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        ast.parse("x = 1")


@pytest.fixture
def eager() -> Iterator[None]:
    """The collector runs at nearly every allocation."""
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(50, 5, 5)
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("eager")
def test_a_source_is_parsed_whatever_waits_to_be_collected() -> None:
    with no_finalizers():
        for _ in range(3):
            Left()
        assert len(ast.parse(SOURCE).body) == 2000
    assert gc.isenabled()


@pytest.mark.usefixtures("eager")
def test_without_it_the_interpreter_itself_fails() -> None:
    """When this one fails the interpreter is mended, and `no_finalizers` may go."""

    def parse() -> None:
        for _ in range(20):
            Left()
            ast.parse(SOURCE)

    with pytest.raises(SystemError, match="recursion depth mismatch"):
        parse()


def test_reports_are_made_so() -> None:
    making = pytest_runtest_makereport()
    next(making)
    assert not gc.isenabled()
    with pytest.raises(StopIteration):
        making.send(pytest.TestReport("x", ("x", 0, "x"), {}, "passed", None, "call"))
    assert gc.isenabled()
