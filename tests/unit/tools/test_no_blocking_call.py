"""The guard itself: a blocking call of the product in an event loop is caught, elsewhere it is free."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from blockbuster import BlockingError

import appliance

SOURCE = """
import os, time

def sleeps(): time.sleep(0)
def flushes(path):
    fd = os.open(path, os.O_RDONLY)
    try: os.fdatasync(fd)
    finally: os.close(fd)
"""


@pytest.fixture
def product_module() -> Iterator[ModuleType]:
    """A module that looks as if it stood in appliance/."""
    module = ModuleType("appliance.blocking_for_a_test")
    file = str(Path(appliance.__path__[0]) / "blocking_for_a_test.py")
    exec(compile(SOURCE, file, "exec"), module.__dict__)
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


async def test_a_blocking_call_in_the_loop_is_an_error(product_module: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(BlockingError, match=r"time\.sleep"):
        product_module.sleeps()
    with pytest.raises(BlockingError, match="open"):
        product_module.flushes(tmp_path)


async def test_the_same_call_in_a_thread_is_free(product_module: ModuleType, tmp_path: Path) -> None:
    await asyncio.to_thread(product_module.sleeps)
    await asyncio.to_thread(product_module.flushes, tmp_path)
    assert asyncio.get_running_loop().is_running()


def test_outside_a_loop_it_is_free(product_module: ModuleType, tmp_path: Path) -> None:
    product_module.sleeps()
    product_module.flushes(tmp_path)
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
