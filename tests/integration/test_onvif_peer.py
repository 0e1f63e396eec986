"""The simulated ONVIF camera in the hands of others: it speaks ONVIF, not only what our client takes for it."""

import asyncio
import json
from typing import Any

import pytest

from appliance.core.clock import SystemClock
from appliance.demo.discovery import DiscoveryResponder
from appliance.demo.onvif_quirks import Login, OnvifQuirks
from tests.peers.need import ROOT, need
from tests.peers.onvif_rig import NEW, PASSWORD, USER, simulated

SCRIPT = ROOT / "tests/peers/node/onvif.mjs"


async def peer(*words: str) -> Any:
    """What the client of others found."""
    node = need("node", "onvif")
    process = await asyncio.create_subprocess_exec(
        node, str(SCRIPT), *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


@pytest.mark.parametrize(
    ("login", "clock_off_s"), [("both", 0.0), ("token", 0.0), ("token", 40_000.0), ("digest", -40_000.0)]
)
async def test_a_client_of_others_reads_all_of_it_and_changes_the_password(login: Login, clock_off_s: float) -> None:
    clock = await asyncio.to_thread(SystemClock)
    quirks = OnvifQuirks(login=login, clock_off_s=clock_off_s)
    async with simulated(quirks, clock=clock) as camera:
        found = await peer("127.0.0.1", str(camera.port), USER, PASSWORD, NEW)
        assert camera.password == NEW
    assert found["device"]["model"] == "Caméra simulée"
    assert found["uris"] == ["rtsp://127.0.0.1:8554/main", "rtsp://127.0.0.1:8554/sub"]
    assert found["profiles"][1] == {"token": "sub", "encoding": "H264", "width": 640, "gop": 250}
    assert found["users"] == [{"username": USER, "userLevel": "Administrator"}]


async def test_a_client_of_others_with_a_wrong_password_is_refused() -> None:
    clock = await asyncio.to_thread(SystemClock)
    async with simulated(clock=clock) as camera:
        with pytest.raises(AssertionError, match="Digest authentication failed 401"):
            await peer("127.0.0.1", str(camera.port), USER, "faux-mot-de-passe")


async def test_a_search_of_others_finds_it() -> None:
    clock = await asyncio.to_thread(SystemClock)
    async with (
        simulated(clock=clock) as first,
        simulated(clock=clock) as second,
        DiscoveryResponder([first, second]),
    ):
        found = await peer("search", "lo")
    assert {first.address, second.address} <= set(found)
