"""Ground rules of every test: no blocking call in an event loop, and the same examples on every machine."""

import gc
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from blockbuster import BlockBuster, BlockBusterFunction
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.peers.tiers",)

settings.register_profile(
    "temoin",
    derandomize=True,  # a fixed seed: a failure is the same for everyone, and a green run is repeatable
    deadline=None,  # wall time of one example says nothing on a shared machine; the test's timeout holds
    database=None,  # no examples remembered on one machine only
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("temoin")


@contextmanager
def no_finalizers() -> Iterator[None]:
    """The collector waits. What it finds in the middle of `ast.parse` may parse as well (asyncio writes the traceback
    of a task that nobody awaited), and the interpreter keeps one depth for both: the outer one ends in
    `SystemError: AST constructor recursion depth mismatch` (CPython 3.11).
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test's source is parsed for its report: a browser test leaves much that the collector would find then,
    and an internal error would hide the failure and end the run.
    """
    with no_finalizers():
        return (yield)


BLOCKING_OS_CALLS: Final = (
    "fallocate",
    "fdatasync",
    "fsync",
    "ftruncate",
    "open",
    "posix_fallocate",
    "pread",
    "preadv",
    "pwrite",
    "pwritev",
    "sync",
    "truncate",
)
"""Calls of `os` that wait for a disk and that blockbuster does not know: the ring's own."""

ALLOWED: Final[tuple[tuple[str, str, str], ...]] = ()
"""(file of the code, function, reason): the only places of appliance/ that may block an event loop."""


@pytest.fixture(autouse=True)
def no_blocking_call() -> Iterator[None]:
    """A call of appliance/ that blocks a running event loop raises BlockingError. Threads and plain code are free."""
    guard = BlockBuster("appliance")
    for name in BLOCKING_OS_CALLS:
        if hasattr(os, name):
            guard.functions[f"os.{name}"] = BlockBusterFunction(os, name, scanned_modules="appliance")
    for file, function, _reason in ALLOWED:
        for patched in guard.functions.values():
            patched.can_block_in(file, function)
    guard.activate()
    try:
        yield
    finally:
        guard.deactivate()
