"""What the service manager is told, through a real datagram socket: alive only while work is done."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.core.cause import GapCause
from appliance.core.clock import SimulatedClock
from appliance.core.supervise import Supervisor
from appliance.ring.disks.member import STUCK_US
from appliance.services import process
from appliance.services.errors import WorkStands
from appliance.services.watchdog import Notifier, ThreadPulse, Watchdog, keep_watchdog, period_s, standing
from tests.peers.ring_rig import Rig
from tests.peers.sick_disk import flush_hangs, member_of


class Manager:
    """The other end: a datagram socket as systemd's."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self.address)

    def heard(self) -> list[str]:
        """What came since the last call."""
        found: list[str] = []
        while True:
            try:
                found.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return found

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    listening = Manager(tmp_path / "notify")
    yield listening
    listening.close()


def test_words_go_in_one_datagram(manager: Manager) -> None:
    assert Notifier(manager.address).tell("READY=1", "STATUS=works")
    assert manager.heard() == ["READY=1\nSTATUS=works"]


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0appliance-test-notify")
        assert Notifier("@appliance-test-notify").tell("READY=1")
        assert listening.recv(100) == b"READY=1"


def test_nobody_listens_and_a_manager_that_is_gone_harm_nothing(tmp_path: Path) -> None:
    assert not Notifier("").tell("READY=1")
    assert not Notifier(str(tmp_path / "absent")).tell("READY=1")


async def test_a_manager_that_does_not_read_never_blocks_the_loop(manager: Manager) -> None:
    notifier = Notifier(manager.address)
    told = [notifier.tell("WATCHDOG=1") for _ in range(3000)]  # the kernel queues some hundred (unix(7))
    assert told[0]
    assert not told[-1]


@pytest.mark.parametrize(
    ("environment", "period"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "42"}, 10.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "43"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_period_is_a_third_of_what_the_unit_says(environment: Mapping[str, str], period: float | None) -> None:
    assert period_s(environment, 42) == period


figures = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 5))


@given(before=figures, now=figures)
def test_standing_is_who_was_there_and_did_nothing(before: dict[str, int], now: dict[str, int]) -> None:
    found = standing(before, now)
    for name in "abcd":
        assert (name in found) == (name in before and name in now and before[name] == now[name])


async def turns() -> None:
    """Enough of the loop for a job to come round."""
    for _ in range(6):
        await asyncio.sleep(0)


async def recording_rig(base: Path) -> Rig:
    rig = await Rig(base).format(disks=2)
    rig.new()
    return rig


async def test_an_idle_camera_network_keeps_the_watchdog_fed(tmp_path: Path, manager: Manager) -> None:
    """No camera has ever sent anything, then one sends and falls silent: the writers' ticks go on."""
    rig = await recording_rig(tmp_path)
    async with rig.running() as ring:
        watchdog = Watchdog(Notifier(manager.address), ring.turns)
        for _ in range(4):
            await ring.tick()
            rig.clock.advance(1)
            await watchdog.look()
        camera = rig.camera(size=1500)
        camera.start()
        await rig.record(4, camera)
        camera.sink.end_run(GapCause.CAMERA_SILENT)
        for _ in range(4):
            await ring.tick()
            rig.clock.advance(1)
            await watchdog.look()
    assert manager.heard() == ["WATCHDOG=1"] * 8


async def test_ticks_that_stop_stop_the_watchdog(tmp_path: Path, manager: Manager) -> None:
    rig = await recording_rig(tmp_path)
    async with rig.running() as ring:
        watchdog = Watchdog(Notifier(manager.address), ring.turns)
        await watchdog.look()
        assert manager.heard() == ["WATCHDOG=1"]
        for _ in range(3):  # nobody ticks: the scheduler hangs
            with pytest.raises(WorkStands, match="disk 0, disk 1"):
                await watchdog.look()
        assert manager.heard() == []
        await ring.tick()
        await watchdog.look()
        assert manager.heard() == ["WATCHDOG=1"]


async def test_a_blocked_writer_stops_it_until_the_ring_goes_on_without_that_disk(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = await recording_rig(tmp_path)
    async with rig.running() as ring:
        camera = rig.camera(size=1500)
        camera.start()
        await rig.record(4, camera)
        member = member_of(ring)
        watchdog = Watchdog(Notifier(manager.address), ring.turns)
        await watchdog.look()
        manager.heard()
        hanging = flush_hangs(member, monkeypatch)
        try:
            ticking = asyncio.create_task(ring.tick())
            await asyncio.to_thread(hanging.entered.wait, 10)
            other = next(m for m in ring._members.all if m is not member)
            if other.task is not None:
                await other.task
            with pytest.raises(WorkStands, match=f"^Work has come to a stand \\(disk {member.index}\\)"):
                await watchdog.look()
            assert manager.heard() == []
            rig.clock.advance(STUCK_US / 1e6 + 1)
            await ring.tick()
            await watchdog.look()
            assert member.failed
            assert manager.heard() == ["WATCHDOG=1"]
        finally:
            hanging.release.set()
        await ticking


async def test_a_blocked_thread_of_the_detector_stops_it(manager: Manager) -> None:
    pool, release = ThreadPoolExecutor(1), threading.Event()
    pulse = ThreadPulse(pool)
    watchdog = Watchdog(Notifier(manager.address), lambda: {"decoding": pulse.turn()})

    async def settled() -> None:
        await asyncio.get_running_loop().run_in_executor(pool, int)

    for _ in range(3):
        await watchdog.look()
        await settled()
    assert len(manager.heard()) == 3
    pool.submit(release.wait)
    await watchdog.look()  # the last question had been answered
    manager.heard()
    for _ in range(2):
        with pytest.raises(WorkStands, match="decoding"):
            await watchdog.look()
    assert manager.heard() == []
    release.set()
    await settled()
    await watchdog.look()
    assert manager.heard() == ["WATCHDOG=1"]
    pool.shutdown()


async def test_a_loop_that_does_not_turn_tells_nothing(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look is a job of the loop: while the loop is held, no datagram can leave. Its fault is the job's."""
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "3000000")
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    waits: list[float] = []
    turn = asyncio.Event()
    done = 0

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await turn.wait()
        turn.clear()

    jobs = Supervisor(SimulatedClock(), sleep)
    keep_watchdog(jobs, lambda: {"work": done})
    await turns()
    assert (manager.heard(), waits) == (["WATCHDOG=1"], [1.0])
    turn.set()
    assert manager.heard() == []  # this very code holds the loop
    done += 1
    await turns()
    assert len(waits) == 2
    assert manager.heard() == ["WATCHDOG=1"]
    turn.set()  # and no work was done
    await turns()
    assert len(waits) == 3
    assert manager.heard() == []
    assert jobs.jobs["watchdog"].last_error == WorkStands.code
    await jobs.close()


def test_ready_and_stopping_are_told_to_the_manager_too(
    manager: Manager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    process.say_ready("recorder")
    process.say_stopping()
    assert capsys.readouterr().out == "ready recorder\n"
    assert manager.heard() == ["READY=1", "STOPPING=1"]
