"""Passwords: what is taken, and argon2id (RFC 9106 section 4, the memory-constrained choice) one at a time."""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 128
"""Characters. No kinds of characters are asked for: length is what protects (CNIL, délibération 2022-100)."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: passes, KiB of memory, lanes."""

    passes: int
    kib: int
    lanes: int


COST: Final = Cost(3, 64 << 10, 4)
"""RFC 9106's second recommended option: 0.27 s of a core, 64 MiB, which one answer at a time takes."""

T = TypeVar("T")


def normal(password: str) -> str:
    """One spelling for what looks the same, whatever keyboard it was typed on."""
    return unicodedata.normalize("NFKC", password)


def fit(password: str, name: str, before: str = "") -> bool:
    """May this be the password of `name`, whose password was `before`?"""
    plain = normal(password)
    return SHORTEST <= len(plain) <= LONGEST and name.casefold() != plain.casefold() and plain != normal(before)


class Passwords:
    """Hashes and checks, one at a time: ten log-ins at once take the memory of one."""

    def __init__(self, cost: Cost = COST) -> None:
        self._hasher = PasswordHasher(time_cost=cost.passes, memory_cost=cost.kib, parallelism=cost.lanes)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="passwords")
        self._nobody = ""  # hash of a password that nobody has: an unknown name takes as long as a known one

    async def hash(self, password: str) -> str:
        """The text to keep: kind, cost, salt and hash (PHC string)."""
        return await self._run(lambda: self._hasher.hash(normal(password)))

    async def right(self, kept: str, password: str) -> bool:
        """Is it the password that `kept` was made of? `kept` "": nobody's, which takes as long and is never right."""
        return await self._run(lambda: self._right(kept, password))

    def close(self) -> None:
        """Give the thread up."""
        self._thread.shutdown(wait=False)

    def _right(self, kept: str, password: str) -> bool:
        if not kept:
            self._nobody = self._nobody or self._hasher.hash("nobody")
        try:
            self._hasher.verify(kept or self._nobody, normal(password)[: LONGEST + 1])
        except (VerificationError, InvalidHashError):
            return False
        return bool(kept)

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
