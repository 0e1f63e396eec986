"""Copies of other services' databases over the recorder's socket: in by `keep`, back by `kept`.

Only the owner of a database opens it, and only the recorder writes to the disks: the bytes go from one to the other.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from appliance.core.lines import ANSWER_S, PEER_UID, encode, error_answer, send
from appliance.ring.access.protocol import KeepRequest, KeptRequest
from appliance.ring.access.reader import KEEP_S
from appliance.ring.backup import Backups
from appliance.ring.faults import BackupFailed

PIECE: Final = 1 << 20
"""Bytes in memory of a copy on its way."""


async def take_copy(
    backups: Backups, request: KeepRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer, read the bytes, answer again when they are durable. Raises NotAllowed; ConnectionError, TimeoutError."""
    backups.check(request.name, PEER_UID.get())
    await send(writer, encode({"id": request.id, "ok": True}))
    try:
        async with asyncio.timeout(KEEP_S):
            utc_us = await backups.receive(request.name, request.size, request.sha256, _pieces(reader, request.size))
        answer = encode({"id": request.id, "ok": True, "utc_us": utc_us})
    except BackupFailed as error:
        answer = error_answer(request.id, error)
    await send(writer, answer)


async def _pieces(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    """`size` bytes; whoever stops sending is left after ANSWER_S."""
    left = size
    while left:
        try:
            async with asyncio.timeout(ANSWER_S):
                piece = await reader.readexactly(min(PIECE, left))
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError from error
        left -= len(piece)
        yield piece


async def give_copy(backups: Backups, request: KeptRequest, writer: asyncio.StreamWriter) -> None:
    """Answer with the newest whole copy. Raises NotAllowed, NoBackup; ConnectionError, TimeoutError."""
    backups.check(request.name, PEER_UID.get())
    copy, data = await backups.fetch(request.name)
    writer.transport.set_write_buffer_limits(high=0)  # the connection ends behind the last byte, not before it
    told = {"size": copy.size, "sha256": copy.sha256, "utc_us": copy.utc_us}
    await send(writer, encode({"id": request.id, "ok": True, **told}))
    for at in range(0, len(data), PIECE):
        await send(writer, data[at : at + PIECE])
    backups.given(request.name, copy.utc_us)
