"""The alert's footage into the protected pool, through the recorder's socket."""

from pathlib import Path
from typing import Final

from appliance.alerts.model import Alert
from appliance.media.stream import StreamKey
from appliance.ring.access.reader import RecorderClient
from appliance.site.model import Site

REQUESTER: Final = "detection"
"""Who asks for the copy of an alert: the appliance itself."""


class RecorderProtector:
    """Asks the recorder for a copy of all streams of an alert's cameras, on a connection that may wait for it."""

    def __init__(self, socket: Path, site: Site) -> None:
        self._recorder = RecorderClient(socket)
        self._streams: dict[str, list[StreamKey]] = {}
        for camera in site.camera:
            sub = [StreamKey(camera.id, "sub")] if camera.sub else []
            self._streams[camera.id] = [StreamKey(camera.id, "main"), *sub]

    async def close(self) -> None:
        """Close the connection."""
        await self._recorder.close()

    async def protect(self, alert: Alert, from_us: int, until_us: int) -> str:
        """Begin the copy; its name. Raises RecorderUnreachable, RecorderRefused."""
        keys = [key for camera in alert.cameras for key in self._streams.get(camera, ())]
        words = f"{alert.first.rule} {alert.first.zone}".strip()
        answer = await self._recorder.hold(
            keys, from_us=from_us, until_us=until_us, why="alert", words=words, requester=REQUESTER
        )
        return str(answer["hold"]["id"])

    async def extend(self, hold: str, until_us: int) -> None:
        """The copy goes on until then. Raises RecorderUnreachable, RecorderRefused."""
        await self._recorder.extend_hold(hold, until_us=until_us)
