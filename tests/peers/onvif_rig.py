"""A simulated ONVIF camera and the client that is tested with it, on loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from appliance.capture.url import Credentials
from appliance.core.clock import Clock, SimulatedClock
from appliance.demo.onvif import Identity, OnvifCamera, Stream
from appliance.demo.onvif_quirks import OnvifQuirks
from appliance.demo.onvif_xml import Encoder
from appliance.inputs import camera as client
from appliance.inputs.http import open_session
from appliance.inputs.place import typed

USER: Final = "enregistreur"
PASSWORD: Final = "mot-de-passe-42"
NEW: Final = "un-autre-secret-7"
CALL_S: Final = 5.0


def streams(main: str = "H264", light: Encoder | None = None) -> dict[str, Stream]:
    """A main and a light stream, the latter not as it should be unless it is given."""
    return {
        "main": Stream("rtsp://127.0.0.1:8554/main", Encoder(main, 1920, 1080, 25, 50, 4096)),
        "sub": Stream("rtsp://127.0.0.1:8554/sub", light or Encoder("H264", 640, 360, 25, 250, 512)),
    }


@asynccontextmanager
async def simulated(
    quirks: OnvifQuirks | None = None,
    *,
    clock: Clock | None = None,
    main: str = "H264",
    light: Encoder | None = None,
    identity: Identity | None = None,
) -> AsyncIterator[OnvifCamera]:
    """A camera with these oddities."""
    told = clock or SimulatedClock()
    camera = OnvifCamera(streams(main, light), told, user=USER, password=PASSWORD, identity=identity, quirks=quirks)
    async with camera:
        yield camera


@asynccontextmanager
async def asking(
    camera: OnvifCamera,
    password: str | None = PASSWORD,
    *,
    clock: Clock | None = None,
    call_s: float = CALL_S,
    user: str = USER,
) -> AsyncIterator[client.OnvifCamera]:
    """The client, for a camera that runs. `password` None: no account."""
    account = None if password is None else Credentials(user, password)
    async with open_session("lo", call_s=call_s) as session:
        told = clock or SimulatedClock()
        yield client.OnvifCamera(session, typed(camera.address), account, told, call_s=call_s)
