"""How late an event loop is that does nothing, on this machine now: `python -m tests.bench.idle_loop`.

Prints the p99 in ms when it reads a line.
"""

import asyncio
import sys

from appliance.core.clock import SystemClock
from appliance.core.loop_lag import LoopLag


async def main() -> None:
    """Until a line comes."""
    lag = LoopLag(SystemClock())
    looking = asyncio.create_task(lag.run())
    await asyncio.to_thread(sys.stdin.readline)
    looking.cancel()
    print(lag.percentile_ms(0.99) or 0.0, flush=True)


if __name__ == "__main__":
    asyncio.run(main())
