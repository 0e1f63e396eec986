"""Disks on their way into the ring, each in a task of its own: nobody waits long for one that does not answer."""

import asyncio
from collections.abc import Collection, Coroutine
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

START_S: Final = 1.5
"""Seconds that the start, and each look later on, waits for the other disks: recording is to begin within 3 s."""


async def first_ready(tasks: Collection["asyncio.Task[T | None]"]) -> None:
    """Wait until one has given something, or all are done; then START_S at most for the others."""
    waiting = set(tasks)
    while waiting and not any(task.done() and task.result() is not None for task in tasks):
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if waiting:
        await asyncio.wait(waiting, timeout=START_S)


class Arrivals:
    """One task a path, until the disk is in or set aside: while one hangs, its path is not tried again."""

    def __init__(self) -> None:
        self._tasks: dict[Path, asyncio.Task[None]] = {}

    def __contains__(self, path: Path) -> bool:
        return path in self._tasks

    def begin(self, path: Path, work: Coroutine[None, None, None]) -> None:
        """Do this for the disk at `path`, where nothing is being done."""
        task = asyncio.create_task(work, name=f"disk {path.name} arrives")
        self._tasks[path] = task
        task.add_done_callback(lambda _task: self._tasks.pop(path, None))

    async def wait(self) -> None:
        """START_S at most. Raises what one that has ended raised."""
        if self._tasks:
            done, _ = await asyncio.wait(list(self._tasks.values()), timeout=START_S)
            for task in done:
                if not task.cancelled():
                    task.result()

    async def wait_for(self, path: Path) -> None:
        """Until nothing is being done for this one."""
        if path in self._tasks:
            await asyncio.wait([self._tasks[path]])

    def cancel(self) -> None:
        """The ring stops."""
        for task in self._tasks.values():
            task.cancel()
