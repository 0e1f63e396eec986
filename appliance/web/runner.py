"""Ends a server in the time that its unit gives it, whoever is still connected.

Out of the box aiohttp waits a minute for each answer under way, and another one for its connection: for a download
that a page has paused. And a connection that comes in the very turn of the loop in which the server is told to end
slips through: past the moment in which those at rest are hung up it waits two minutes for a request that nobody will
send; one turn earlier asyncio has accepted it and gives it to nobody.
"""

import asyncio
from typing import Any, Final

from aiohttp import web

END_S: Final = 1.0
"""Seconds that an answer under way may still take; they are waited for twice, and the units stop within 5 s."""

ACCEPTED: Final = 4
"""Turns of the loop from an accepted connection to one that can be hung up: its task, its transport, the server's
word, its first wait."""


class Runner(web.AppRunner):
    """An application that serves; `cleanup` takes 2 x END_S at the most, and what the application itself takes."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        """`options`: as for a `web.AppRunner`."""
        super().__init__(app, access_log=None, handle_signals=False, shutdown_timeout=END_S, **options)

    async def cleanup(self) -> None:
        """Accept nobody any more, let those who were accepted come in, then hang up and end."""
        loop = asyncio.get_running_loop()
        for site in self.sites:
            listening = site._server  # told nowhere else: aiohttp's own `addresses` takes it there too
            if isinstance(listening, asyncio.Server):
                for each in listening.sockets:
                    loop.remove_reader(each.fileno())
        for _ in range(ACCEPTED):
            await asyncio.sleep(0)
        await super().cleanup()
