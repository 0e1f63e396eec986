"""A server ends in time: with an answer that nobody takes, and with a connection that comes in the last moment."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from appliance.web import runner as running
from appliance.web.app import serve

WITHIN_S = 5.0
"""TimeoutStopSec of the units."""


asked = web.AppKey("asked", asyncio.Event)


async def endless(request: web.Request) -> web.StreamResponse:
    """An answer that its reader does not take."""
    request.app[asked].set()
    await asyncio.Event().wait()
    raise AssertionError


@pytest.fixture
async def served() -> AsyncIterator[web.AppRunner]:
    app = web.Application()
    app[asked] = asyncio.Event()
    app.router.add_get("/", endless)
    runner = await serve(app, "127.0.0.1", 0)
    assert isinstance(runner, running.Runner)
    yield runner
    await runner.cleanup()


async def test_an_answer_that_nobody_takes_is_left(served: web.AppRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served, "_shutdown_timeout", running.END_S / 10)
    reader, writer = await asyncio.open_connection(*served.addresses[0])
    writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await served.app[asked].wait()
    async with asyncio.timeout(WITHIN_S):
        await served.cleanup()
        assert await reader.read() == b""
    writer.close()


def test_what_is_waited_for_fits_into_the_units_time() -> None:
    assert 2 * running.END_S < WITHIN_S / 2, "the journal's end and the databases take the rest"


@pytest.mark.parametrize("turns", range(8))
async def test_a_connection_of_the_last_moment_is_not_waited_for(served: web.AppRunner, turns: int) -> None:
    """In whichever turn of the loop it comes: END_S is not even begun."""
    client = socket.socket()
    client.setblocking(False)
    with client:
        client.connect_ex(served.addresses[0])
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(running.END_S / 2):
            await served.cleanup()
        client.setblocking(True)
        client.settimeout(WITHIN_S)
        with contextlib.suppress(ConnectionResetError):  # never accepted
            assert await asyncio.to_thread(client.recv, 1) == b"", "hung up"
