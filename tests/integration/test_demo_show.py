"""The demonstration as people start it: sound at the end, nothing left behind."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import psutil
import pytest

from tests.peers.need import ROOT

PAGE = ROOT / "webui" / "dist" / "index.html"

pytestmark = [pytest.mark.full, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips are made once for both tests."""
    if not PAGE.exists():
        pytest.skip("the page is not built: make page")
    return tmp_path_factory.mktemp("clips")


async def started(cache: Path, work: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance.demo", "--drawn", "--lang", "en", "--port", "18080"),
        *("--cache", str(cache), "--work", str(work), *arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


async def test_a_short_demonstration_is_sound(cache: Path, tmp_path: Path) -> None:
    process = await started(cache, tmp_path / "demo", "--duration", "26")
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert "Nothing is missing" in output
    assert re.search(r"Portail +main +\d+\.\d s +\d+ +1 \(1/1\)", output), output
    assert "the camera closed the connection (expected)" in output
    assert "pictures lost on the network (expected)" in output


async def test_ctrl_c_stops_everything(cache: Path, tmp_path: Path) -> None:
    process = await started(cache, tmp_path / "demo")
    assert process.stdout is not None
    seen = ""
    while "are recorded" not in seen:
        line = (await process.stdout.readline()).decode()
        assert line, seen
        seen += line
    children = await asyncio.to_thread(descendants, process.pid)
    assert len(children) >= 3  # cameras, recorder's services
    await asyncio.sleep(3)
    process.send_signal(signal.SIGINT)
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert "CPU: recording" in output
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


async def strike(work: Path, what: str) -> str:
    """The account of `appliance demo ...`, which ends with 0."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance", "demo", what, "--work", str(work)),
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "en_GB.UTF-8"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return output


async def test_blows_struck_from_another_window_are_accounted_for(cache: Path, tmp_path: Path) -> None:
    work = tmp_path / "demo"
    process = await started(cache, work)
    try:
        assert process.stdout is not None
        while "are recorded" not in (await process.stdout.readline()).decode():
            pass
        await asyncio.sleep(20)
        cut = await strike(work, "cut")
        lost = [float(seconds) for seconds in re.findall(r"lost (\d+\.\d+) s before the cut", cut)]
        assert len(lost) == 8, cut
        assert max(lost) < 3, cut
        assert cut.count("recorder stopped") == 8, cut
        away = await strike(work, "lose-disk")
        assert "disk-a: not recording" in away
        assert "Not one picture of the present is lost" in away
        assert not (work / "striking").exists()
        process.send_signal(signal.SIGINT)
        output = (await process.communicate())[0].decode()
        assert "Nothing is missing" in output, output
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_without_a_demonstration_there_is_nothing_to_strike(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance", "demo", "cut", "--work", str(tmp_path)),
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "en_GB.UTF-8"},
        stdout=asyncio.subprocess.PIPE,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 1
    assert "start 'make demo' in another window" in output
