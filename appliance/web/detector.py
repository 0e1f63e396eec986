"""What the web server asks of the detector, as a protocol a test can stand in for."""

from typing import Any, Final, Protocol

from aiohttp import web


class Detector(Protocol):
    """The detector's socket (alerts.client.DetectorClient). Raises DetectorUnreachable, DetectorRefused."""

    async def ask(self, verb: str, **fields: object) -> dict[str, Any]: ...


DETECTOR: Final = web.AppKey("detector", Detector)
