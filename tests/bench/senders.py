"""Many cameras in a process of their own, so that two cores are left to measure: `python -m tests.bench.senders`.

Prints its port, sends until it reads a line, then prints what it sent to whom (JSON) and waits for the end of input.
"""

import asyncio
import json
import sys

from tests.peers.many_cameras import ManyCameras
from tests.peers.numbered import KINDS


async def main() -> None:
    """Serve until the input ends."""
    cameras = ManyCameras(KINDS)
    print(await cameras.start(), flush=True)
    if await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await cameras.stop()), flush=True)
        await asyncio.to_thread(sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(main())
