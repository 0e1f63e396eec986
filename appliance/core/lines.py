"""Services talk over unix sockets in JSON lines: the transport, the same for every service.

A request is one line `{"v":1,"id":7,"verb":"state",...}`, at most MAX_REQUEST bytes of UTF-8; the answer is one line,
`{"id":7,"ok":true,...}` or `{"id":7,"ok":false,"error":{"code","fr","en"}}`. Who may ask is decided by the kernel's
word on the peer (SO_PEERCRED, unix(7)): root, the service's own user, or a user that its table names for the verb.
Nothing a client sends or omits can stop the service: garbage is answered and the connection closed, one that does not
read is left after ANSWER_S.
"""

import asyncio
import itertools
import json
import os
import socket
import struct
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Literal, Protocol, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.core.errors import ApplianceError
from appliance.core.line_errors import BadRequest, NotAllowed, SocketUnusable, TooManyClients

VERSION: Final = 1

MAX_LINE: Final = 4 << 20
"""Bytes of an answer: 2 h of ranges are 1.6 MB."""

MAX_REQUEST: Final = 64 << 10
"""Bytes of a request: 256 streams in one subscription are 25 kB. A hundred clients with half a line cost 13 MB."""

SOCKET_MODE: Final = 0o660
"""Permissions of the socket file; the peer's user is checked besides."""

BACKLOG: Final = 64
"""Connections waiting to be accepted."""

MAX_CONNECTIONS: Final = 64
"""Clients at a time: services need a handful; the rest would eat descriptors."""

ANSWER_S: Final = 30.0
"""Seconds for a client to take its answer; one that does not read would keep up to MAX_LINE of memory for ever."""

ASK_S: Final = 10.0
"""Seconds until a service that does not answer counts as unreachable."""

MAX_ID: Final = 1 << 62

_UCRED: Final = struct.Struct("3i")  # pid, uid, gid

PEER_UID: Final[ContextVar[int]] = ContextVar("peer_uid", default=-1)
"""The user whose request is being answered, by the kernel's word; -1: nobody's."""


class LineRequest(BaseModel):
    """What every request has. Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    v: Literal[1]
    id: int = Field(ge=0, le=MAX_ID)


class _Verbal(Protocol):
    @property
    def id(self) -> int: ...

    @property
    def verb(self) -> str: ...


R = TypeVar("R", bound=_Verbal)
M = TypeVar("M", bound=BaseModel)


Refused = Callable[[str, int, ApplianceError], None]
"""Somebody was refused: the verb ("" when there was none), the user's number, why."""


def unheard(_verb: str, _uid: int, _error: ApplianceError) -> None:
    """A Refused for whoever does not care."""


class LineServer(Generic[R]):
    """Listens, reads requests, sends answers; a service says what its requests are and what answers them."""

    setting: str = "socket"
    """Where the site file says the socket's path: what a sentence points at."""

    def __init__(self, allowed: Mapping[str, frozenset[int]] | None = None) -> None:
        """`allowed`: uids a verb is open to besides root and ours."""
        self._allowed = allowed or {}
        self.refused: Refused = unheard  # called for every refusal: what it does is cheap, however many there are
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._path: Path | None = None

    def parse(self, line: bytes) -> R:
        """A checked request. Raises BadRequest, nothing else."""
        raise NotImplementedError

    async def answer(self, request: R) -> bytes:
        """The line that answers it (`encode`). Raises ApplianceError for a refusal in words."""
        raise NotImplementedError

    async def stream(self, request: R, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """True when the request has taken the whole connection, and the connection is over."""
        del request, reader, writer
        return False

    async def start(self, path: Path) -> None:
        """Listen on `path`; a socket left by an earlier process is replaced in one step. Raises SocketUnusable."""
        try:
            listening = await asyncio.to_thread(_listen, path)
        except OSError as error:
            raise SocketUnusable(
                path=str(path), why=error.strerror or str(error), setting=self.setting
            ) from error  # fmt: skip
        self._server = await asyncio.start_unix_server(self._accepted, sock=listening, limit=MAX_REQUEST)
        self._path = path

    async def close(self) -> None:
        """Stop listening, end every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
        if self._path is not None:
            await asyncio.to_thread(self._path.unlink, missing_ok=True)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) > MAX_CONNECTIONS:
                await send(writer, error_answer(None, TooManyClients(limit=MAX_CONNECTIONS)))
            else:
                await self._connection(reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass  # the peer went or does not read, or we stop
        finally:
            self._connections.discard(task)
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        uid = _peer_uid(writer)
        PEER_UID.set(uid)  # a connection is a task of its own, with its own context
        while True:
            try:
                line = await reader.readuntil()
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                await send(writer, error_answer(None, BadRequest(why=f"a line of more than {MAX_REQUEST} bytes")))
                return
            try:
                request = self.parse(line)
            except BadRequest as error:
                self.refused("", uid, error)
                await send(writer, error_answer(request_id(line), error))
                return
            try:
                self._may(uid, request.verb)
                if await self.stream(request, reader, writer):
                    return
                answer = await self.answer(request)
            except ApplianceError as error:
                self.refused(request.verb, uid, error)
                answer = error_answer(request.id, error)
            await send(writer, answer)

    def _may(self, uid: int, verb: str) -> None:
        if uid not in {0, os.getuid()} and uid not in self._allowed.get(verb, frozenset()):
            raise NotAllowed(verb=verb)


class LineClient:
    """Asks a service; one connection, kept, made again after an error. Calls may overlap: they wait in turn.

    `unreachable` and `refused` build the errors that this service's callers know.
    """

    def __init__(
        self, path: Path, *, unreachable: type[ApplianceError], refused: type[ApplianceError], answer_s: float = ASK_S
    ) -> None:
        self._path = path
        self._unreachable = unreachable
        self._refused = refused
        self._answer_s = answer_s
        self._lock = asyncio.Lock()
        self._ids = itertools.count(1)
        self._connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection; the next call opens another."""
        if self._connection is not None:
            self._connection[1].close()
            self._connection = None

    async def ask(self, verb: str, **fields: object) -> dict[str, Any]:
        """One verb of the protocol as it stands on the wire. Raises `unreachable` or `refused`."""
        async with self._lock:
            fresh = self._connection is None
            try:
                return self._checked(await self._once(verb, fields))
            except self._unreachable:
                await self.close()
                if fresh:
                    raise
            return self._checked(await self._once(verb, fields))  # the kept connection was of an earlier process

    async def _once(self, verb: str, fields: dict[str, object]) -> dict[str, Any]:
        if self._connection is None:
            self._connection = await self._connect()
        reader, writer = self._connection
        answer = None
        try:
            answer = await self._exchange(reader, writer, {"id": next(self._ids), "verb": verb, **fields})
        finally:
            if answer is None:
                await self.close()  # an answer that nobody waits for must not be taken for the next one
        return answer

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(self._answer_s):
                return await asyncio.open_unix_connection(str(self._path), limit=MAX_LINE * 4)
        except (OSError, TimeoutError) as error:
            raise self._unreachable(why=str(error) or "timeout") from error

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: dict[str, object]
    ) -> dict[str, Any]:
        try:
            async with asyncio.timeout(self._answer_s):
                writer.write(encode({"v": VERSION, **request}))
                await writer.drain()
                answer: dict[str, Any] = json.loads(await reader.readuntil())
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise self._unreachable(why=str(error) or "timeout") from error
        return answer

    def _checked(self, answer: dict[str, Any]) -> dict[str, Any]:
        if answer.get("ok") is not True:
            error = answer.get("error", {})
            code, french, english = (str(error.get(name, "?")) for name in ("code", "fr", "en"))
            raise self._refused(refusal=code, sentence_fr=french, sentence_en=english)
        return answer


def checked_request(line: bytes, models: Mapping[str, type[M]]) -> M:
    """The request of a line by the model of its verb. Raises BadRequest, nothing else."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRequest(why="no JSON") from error
    if not isinstance(value, dict):
        raise BadRequest(why="no object")
    if value.get("v") != VERSION:
        raise BadRequest(why=f"version {str(value.get('v'))[:16]}")
    model = models.get(str(value.get("verb")))
    if model is None:
        raise BadRequest(why=f"verb {str(value.get('verb'))[:32]!r}")
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise BadRequest(why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def request_id(line: bytes) -> int | None:
    """The id of a request that may be wrong otherwise, to answer it by."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    number = value.get("id") if isinstance(value, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def encode(message: dict[str, Any]) -> bytes:
    """One line."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8") + b"\n"


def error_answer(number: int | None, error: ApplianceError) -> bytes:
    """The line that refuses a request."""
    named = {"code": error.code, "fr": error.sentence("fr"), "en": error.sentence("en")}
    return encode({"id": number, "ok": False, "error": named})


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write and wait until the peer takes it. Raises TimeoutError after ANSWER_S."""
    writer.write(data)
    async with asyncio.timeout(ANSWER_S):
        await writer.drain()


def _listen(path: Path) -> socket.socket:
    """Bind beside the name and rename over it: clients find the old socket or the new one, never none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listening.bind(str(draft))
        draft.chmod(SOCKET_MODE)
        listening.listen(BACKLOG)
        draft.rename(path)
    except OSError:
        listening.close()
        raise
    listening.setblocking(False)
    return listening


def _peer_uid(writer: asyncio.StreamWriter) -> int:
    peer = writer.get_extra_info("socket")
    _, uid, _ = _UCRED.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return int(uid)
