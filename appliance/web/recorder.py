"""What the web server asks of the recorder (socket protocol v1), as a protocol a test can stand in for.

`ring.reader.RecorderClient` is the real one. Answers are the protocol's JSON objects: spans, ranges and
state as described beside `ring/protocol`. Times are UTC microseconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from appliance.web.notice import NONE

Answer = Mapping[str, Any]
"""One answer of the recorder: a JSON object."""


class Recorder(Protocol):
    """The verbs used here. Each may raise an ApplianceError: unreachable, refused, or unreadable bytes."""

    async def state(self) -> Answer: ...

    async def spans(self, camera: str, stream: str, from_us: int, to_us: int) -> Answer: ...

    async def ranges(
        self, camera: str, stream: str, from_us: int, to_us: int, *, from_keyframe: bool = False
    ) -> Answer: ...

    async def lease(self, camera: str, stream: str, from_us: int, to_us: int, seconds: int) -> Answer: ...

    async def release(self, lease: str) -> None: ...

    async def confirm_time(self) -> Answer: ...

    def read(self, chunk: Answer, offset: int, length: int) -> bytes:
        """`length` published bytes of a chunk of `ranges`, its generation checked around; blocks: use a thread."""
        ...


@dataclass(frozen=True, slots=True)
class SiteInfo:
    """What the page says of its site. `timezone` is an IANA name: every time shown is the site's. `notice`: as
    `web.notice` makes it.
    """

    name: str
    place: str
    timezone: str
    notice: Mapping[str, Any] = field(default_factory=lambda: NONE)
