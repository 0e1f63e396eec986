"""Chromium plays seconds of a real ring, and shows the counter that was recorded then; a ring that laps."""

import random
from pathlib import Path

import pytest

from appliance.core.clock import SimulatedClock
from tests.browser.before import before
from tests.browser.screen import SCREEN, read_screen
from tests.peers.recorded import KEY, recorded
from tests.peers.ring_rig import SMALL

SECONDS = 44
LAPS_S = 30
"""Seconds recorded at a time while the disks fill."""

OLDEST = "document.querySelector('td[data-label=\"Plus ancienne image\"]').innerText"
ROOM = "document.querySelector('.room').innerText"


async def test_recorded_seconds_show_the_counter_of_then(built_page: Path, tmp_path: Path) -> None:
    rng = random.Random(11)
    async with recorded(tmp_path, SECONDS, gop=15) as tape:
        opening = ([KEY.camera], tape.start_us, tape.end_us)
        async with before(tape.client, built_page, tmp_path, SimulatedClock(tape.end_us), opening) as (page, base):
            await page.open(f"{base}/")
            await page.until("document.querySelector('h1')?.innerText === 'Tout va bien'")
            await page.open(f"{base}/lecture?cam={KEY.camera}&t={tape.start_us + 1_000_000}")
            await page.until(f"{SCREEN}?.player?.at != null")
            for _ in range(8):
                instant = rng.randrange(tape.start_us, tape.end_us)
                shown = await page.run(f"{SCREEN}.player.seek({instant})")
                assert 0 <= instant - shown["at"] < 1_000_000 // tape.form.fps + 20
                assert (await read_screen(page)).counter == tape.counter(instant)
            await page.run(f"{SCREEN}.player.seek({tape.start_us + 5_000_000}).then(() => {SCREEN}.player.play())")
            await page.until(f"{SCREEN}.player.at > {tape.start_us + 7_000_000}")
            await page.run(f"{SCREEN}.player.pause()")
            at = await page.run(f"{SCREEN}.player.at")
            assert abs((await read_screen(page)).counter - tape.counter(at)) <= 2  # a picture may come while pausing


@pytest.mark.full
async def test_full_disks_lose_the_oldest_alone_and_home_stays_well(built_page: Path, tmp_path: Path) -> None:
    """Check 3 of twenty: the disks fill up, the oldest goes, home stays green, what there is room for changes."""
    async with recorded(tmp_path, 64, gop=15, geometry=SMALL, chunks=12) as tape:
        clock = SimulatedClock(tape.end_us)
        async with before(tape.client, built_page, tmp_path, clock) as (page, base):
            await page.open(f"{base}/")
            await page.until("document.querySelector('h1')?.innerText === 'Tout va bien'")
            await page.until("document.querySelector('.room')")
            oldest, room = await page.run(f"[{OLDEST}, {ROOM}]")
            assert room.startswith("À ce rythme, les disques ont la place pour ")
            for _ in range(40):
                await tape.more(LAPS_S)
                if any(disk["freed_early"] for disk in (await tape.client.state())["disks"]):
                    break
            else:
                pytest.fail("the disks are not full")
            await tape.more(LAPS_S)
            await page.until(f"{OLDEST} !== {oldest!r} && {ROOM} !== {room!r}")
            assert await page.text("h1") == "Tout va bien"
            assert await page.run("document.querySelector('.issues')") is None
            assert "Un disque plein est normal" in await page.text("main")
            state = await page.run("fetch('/api/v1/state').then((answer) => answer.json())")
            held = state["now_utc_us"] - state["cameras"][0]["streams"]["sub"]["first_utc_us"]
            assert held <= state["room_us"] <= 1.3 * held, "what is full has room for what it holds"
            await tape.more(2 * LAPS_S)
            moved = await page.run(OLDEST)
            await page.until(f"{OLDEST} !== {moved!r}")
            assert await page.text("h1") == "Tout va bien"
