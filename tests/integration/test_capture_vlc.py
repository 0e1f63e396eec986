"""VLC's RTSP server, which sends RTP by UDP only: a real counterpart for the compatible reader."""

import asyncio
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.media.nal import nal_type, stored_units
from tests.integration.test_capture_gst import VCL, make_clip
from tests.peers.capturing import capture
from tests.peers.need import need


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def served() -> Iterator[tuple[str, list[bytes]]]:
    """URL and slices of a clip on the air, over and over."""
    program, port = need("cvlc"), free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        slices = make_clip(folder / "clip.mp4", "h264", bframes=0)
        user: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        out = f"#rtp{{sdp=rtsp://127.0.0.1:{port}/clip}}"
        command = [
            program,
            "-I",
            "dummy",
            "--no-audio",
            "--loop",
            "--sout",
            out,
            "--sout-keep",
            str(folder / "clip.mp4"),
        ]
        environment = os.environ | {"HOME": name, "XDG_RUNTIME_DIR": name}
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment, **user) as process:
            try:
                yield f"rtsp://127.0.0.1:{port}/clip", slices
            finally:
                process.kill()


@pytest.mark.full
async def test_vlcs_server_is_read_by_datagrams(served: tuple[str, list[bytes]]) -> None:
    url, slices = served
    await asyncio.sleep(2)  # VLC says nothing when it listens
    runner, sink = await capture(url, None, lambda _, s: s.pictures >= 50, seconds=40.0)
    assert runner.state().reader == "compatible"  # the native reader was refused
    known = set(slices)
    kept = [bytes(nal) for run in sink.runs for unit in run.units for nal in stored_units(unit.data)]
    strangers = [nal for nal in kept if nal_type(nal) in VCL and nal not in known]
    assert [(len(nal), [len(k) for k in known if k[:40] == nal[:40]]) for nal in strangers] == []
