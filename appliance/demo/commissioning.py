"""The demonstration's cameras answer ONVIF and a search as well, so that `appliance camera` finds them."""

import logging
from contextlib import AsyncExitStack
from typing import Final

from appliance.core.clock import Clock
from appliance.demo.camera import LOOPBACK, SimulatedCamera
from appliance.demo.discovery import DiscoveryResponder
from appliance.demo.onvif import Identity, OnvifCamera, Stream
from appliance.demo.onvif_xml import Encoder

log = logging.getLogger(__name__)

GOP_S: Final = 2
"""Seconds between key pictures, as the simulated encoder's settings tell them."""


def onvif_of(name: str, number: int, camera: SimulatedCamera, clock: Clock) -> OnvifCamera:
    """The ONVIF side of a simulated camera that is started: same account, same streams."""
    streams = {}
    for stream in camera.streams:
        clip = camera.clips[stream]
        fps = max(1, round(clip.fps))
        encoder = Encoder(clip.codec.upper(), clip.width, clip.height, fps, fps * GOP_S, clip.bitrate // 1000)
        streams[stream] = Stream(camera.url(stream), encoder)

    def changed(password: str) -> None:
        camera.password = camera.right_password = password

    identity = Identity("Témoin", f"Simulée {name}", "1.0", f"SIM-{number + 1:04}")
    return OnvifCamera(
        streams, clock, user=camera.user, password=camera.right_password, identity=identity, on_password=changed
    )


async def answer_onvif(stack: AsyncExitStack, cameras: dict[str, SimulatedCamera], clock: Clock) -> None:
    """All of them until `stack` ends. A machine whose loopback carries no multicast is only asked by address."""
    sides = [onvif_of(name, number, camera, clock) for number, (name, camera) in enumerate(cameras.items())]
    for side in sides:
        _ = await stack.enter_async_context(side)
    try:
        _ = await stack.enter_async_context(DiscoveryResponder(sides))
    except OSError as error:
        log.warning("simulated cameras cannot be searched for, but asked at %s: %s", LOOPBACK, error.strerror)
