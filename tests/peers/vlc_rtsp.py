"""VLC's RTSP server as a real counterpart: one broadcast of a clip, to which clients join wherever it is; only UDP.

VLC does not run as root: it runs as `nobody` then, and gets the clip as its standard input.
"""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.peers.need import need
from tests.peers.patience import reached

START_S: Final = 20.0
"""Seconds until it listens; it takes 1 when the machine is its own."""


@contextmanager
def serving(clip: Path, home: Path) -> Iterator[str]:
    """Broadcast `clip` once, in real time; yields the URL. `home`: an empty folder for VLC. Blocking: for threads."""
    program = need("cvlc")
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    url = f"rtsp://127.0.0.1:{port}/clip"
    command = [program, "--quiet", "--no-sout-audio", "fd://0", f"--sout=#rtp{{sdp={url}}}", "vlc://quit"]
    user = "nobody" if os.geteuid() == 0 else None
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    with (
        clip.open("rb") as source,
        subprocess.Popen(command, stdin=source, stderr=subprocess.DEVNULL, env=environment, user=user) as process,
    ):
        try:
            assert reached(lambda: _listens(port) or process.poll() is not None, START_S), "VLC does not listen"
            assert process.poll() is None, "VLC has ended"
            yield url
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
