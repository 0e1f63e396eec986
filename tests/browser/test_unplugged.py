"""A camera whose cable is pulled: home turns red, names it, says what to do; and is well again by itself."""

import asyncio
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.demo.faults import FaultScript, FaultStep
from tests.browser.before import before
from tests.peers.live import chain, small_clips

RED_S = 30.0
PULLED_S = 32.0
"""Seconds without the cable: nothing more comes on the connections there are, and no other is made."""

NOTICED_S = 9.0
"""Seconds after which the recorder gives up a connection that is silent."""

BACK_S = 60.0
"""Seconds: a reader that finds nobody waits longer and longer, up to so long."""


@pytest.mark.full
@pytest.mark.timeout(150)
async def test_home_names_an_unplugged_camera_and_clears_when_it_is_back(built_page: Path, tmp_path: Path) -> None:
    """Check 2 of twenty: unplug a camera, home is red within 30 s; plug it in, home clears alone."""
    clock = await asyncio.to_thread(SystemClock)  # it reads a file
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips, clips]) as site:
        recorder = await site.recorder()
        await site.durable()
        async with site.client() as client, before(client, built_page, tmp_path, clock) as (page, base):
            await page.open(f"{base}/")
            await page.until("document.querySelector('h1')?.innerText === 'Tout va bien'")
            pulled = (FaultStep(0, "silence", PULLED_S), FaultStep(NOTICED_S, "refuse", PULLED_S - NOTICED_S))
            site.cameras["cam1"].run_script(FaultScript(pulled))
            await page.until("document.querySelector('.verdict.attention h1')", RED_S)
            assert await page.text("h1") == "Un point demande votre attention"
            whole = "document.querySelector('.issues li')?.innerText.startsWith(\"cam1\\u202f: n'enregistre plus (\")"
            await page.until(whole, NOTICED_S)  # one of its two streams may be given up a moment before the other
            issue = await page.text(".issues li")
            assert "Que faire" in issue
            assert "Vérifiez l'alimentation et le câble de la caméra" in issue
            assert await page.run("document.querySelectorAll('.issues li').length") == 1
            await page.until("document.querySelector('h1').innerText === 'Tout va bien'", BACK_S)
            assert await page.run("document.querySelector('.issues')") is None
        assert await recorder.stop() == 0
