"""A camera runner with a keeping sink, without disks: what the reader makes of a server."""

import asyncio
import random
from collections.abc import Callable
from functools import partial

from appliance.capture.camera import CameraRunner
from appliance.capture.choice import Setting
from appliance.capture.rtsp import open_connection
from appliance.capture.tls import Trust
from appliance.capture.url import Credentials
from appliance.core.clock import SystemClock
from appliance.media.stream import ClockState, StreamKey
from tests.peers.sink import KeepingSink

CLOCK = SystemClock()  # reads the boot id from a file: not in the event loop

Done = Callable[[CameraRunner, KeepingSink], bool]


async def capture(
    url: str,
    credentials: Credentials | None,
    done: Done,
    *,
    trust: Trust | None = None,
    seconds: float = 15.0,
    reader: Setting = "auto",
) -> tuple[CameraRunner, KeepingSink]:
    """Run one camera with the ring's tick until `done`."""
    sink = KeepingSink()
    runner = CameraRunner(
        StreamKey("cour", "main"), url, credentials, sink, CLOCK, connect=partial(open_connection, trust=trust),
        rng=random.Random(1), clock_state=lambda: ClockState.VERIFIED, reader=reader,
    )  # fmt: skip
    task = asyncio.create_task(runner.run())
    try:
        async with asyncio.timeout(seconds):
            while not done(runner, sink):
                await asyncio.sleep(0.05)
                runner.drain()
    except TimeoutError as error:
        raise AssertionError(f"{url}: {runner.state()}") from error
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return runner, sink
