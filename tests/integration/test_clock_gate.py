"""A doubtful clock and the socket: pictures are refused in words, what there is is told, recording goes on."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.core.chain import Facts
from appliance.core.judgement import Ntp
from appliance.ring.access.reader import RecorderClient
from appliance.ring.access.server import serve
from appliance.ring.dating.clock_gate import ClockDoubtful
from appliance.ring.faults import RecorderRefused, RecorderUnreachable
from appliance.services.clock import ClockKeeper
from tests.peers.ring_rig import KEY, Rig
from tests.peers.times import Sources

HOUR_US = 3_600_000_000


@asynccontextmanager
async def served(rig: Rig, keeper: ClockKeeper) -> AsyncIterator[RecorderClient]:
    path = rig.base / "recorder.sock"
    async with rig.running() as ring:
        server = await serve(ring, path, lambda: {"clock": keeper.status(), "cameras": [], "jobs": []}, clock=keeper)
        client = RecorderClient(path, answer_s=5)
        try:
            yield client
        finally:
            await client.close()
            await server.close()


async def test_pictures_are_shown_once_a_person_has_confirmed_the_time(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format()
    rig.new()
    camera = rig.camera()
    keeper = Sources(tmp_path, rig.clock).keeper()
    await keeper.open()
    async with served(rig, keeper) as client:
        camera.start()
        start = rig.clock.utc_us()
        await rig.record(5, camera)
        end = rig.clock.utc_us()
        with pytest.raises(RecorderRefused) as refused:
            await client.ranges("cam", "main", start, end)
        assert refused.value.facts["refusal"] == ClockDoubtful.code
        assert "appliance clock confirm" in refused.value.sentence("fr")
        with pytest.raises(RecorderRefused):
            await client.lease("cam", "main", start, end, 5)
        with pytest.raises(RecorderRefused):
            await anext(client.subscribe([KEY]))

        assert (await client.state())["clock"]["state"] == "doubtful"
        spans = await client.spans("cam", "main", start - HOUR_US, end + HOUR_US)
        assert [span["to_us"] - span["from_us"] for span in spans["spans"]] == [end - start]

        assert (await client.confirm_time())["clock"]["state"] == "held"
        await rig.record(5, camera)
        assert (await client.ranges("cam", "main", start, rig.clock.utc_us()))["chunks"]


async def test_a_subscription_ends_when_the_clock_becomes_doubtful(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format()
    rig.new()
    camera = rig.camera()
    sources = Sources(tmp_path, rig.clock, ntp=Ntp(synchronised=True, servers=2))
    keeper = sources.keeper()
    await keeper.open()
    async with served(rig, keeper) as client:
        camera.start()
        await rig.record(2, camera)
        parts = client.subscribe([KEY])
        waiting = asyncio.ensure_future(anext(parts))
        while not waiting.done():
            await rig.record(1, camera)
        assert waiting.result().key == KEY
        rig.clock.step_utc(365 * 86_400)
        await rig.record(2, camera)
        with pytest.raises(RecorderUnreachable):
            async for _ in parts:
                pass
        with pytest.raises(RecorderRefused):
            await anext(client.subscribe([KEY]))


async def test_who_may_confirm_is_declared_and_the_journal_says_who_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await Rig(tmp_path).format()
    rig.new()
    told: list[tuple[str, Facts]] = []

    def tell(kind: str, facts: Facts) -> bool:
        told.append((kind, facts))
        return True

    sources = Sources(tmp_path, rig.clock)
    keeper = ClockKeeper(rig.clock, tmp_path, source=sources.source(), tell=tell)
    await keeper.open()
    async with served(rig, keeper) as client:
        own = os.getuid()
        monkeypatch.setattr("appliance.core.lines._peer_uid", lambda _writer: 65_533)
        with pytest.raises(RecorderRefused) as refused:
            await client.confirm_time()
        assert refused.value.facts["refusal"] == "not-allowed"
        assert keeper.refusal() is not None
        await client.close()
        monkeypatch.setattr("appliance.core.lines._peer_uid", lambda _writer: own)
        await client.confirm_time()
    assert keeper.refusal() is None
    (confirmed,) = [facts for kind, facts in told if kind == "time-confirmed"]
    assert confirmed == {"uid": own, "utc_us": rig.clock.utc_us()}
