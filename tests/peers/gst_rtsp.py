"""GStreamer's RTSP server as a real counterpart: serves an MP4 clip under Digest or no authentication.

Imported by tests (`serving`); run as a script under the system Python, which has GStreamer's bindings.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PIPELINE = "( filesrc location={clip} ! qtdemux ! {codec}parse ! rtp{codec}pay name=pay0 pt=96 config-interval=-1 )"


@contextmanager
def serving(clip: Path, *, user: str = "", password: str = "", codec: str = "h264") -> Iterator[str]:
    """Serve `clip` once per client, in real time; yields the URL without credentials. Blocking: for fixtures."""
    from tests.peers.need import SYSTEM_PYTHON, need  # not at the top: the script has no test environment

    need("gst-rtsp", "qtdemux", f"{codec}parse")
    command = [SYSTEM_PYTHON, __file__, str(clip), user, password, codec]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield f"rtsp://127.0.0.1:{port}/clip"
        finally:
            process.kill()


def main(clip: str, user: str, password: str, codec: str) -> None:
    """Serve until killed; prints the port on one line."""
    import gi

    for name in ("Gst", "GstRtsp", "GstRtspServer"):
        gi.require_version(name, "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE.format(clip=clip, codec=codec))
    if user:
        auth = GstRtspServer.RTSPAuth()
        auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        auth.add_digest(user, password, token)
        server.set_auth(auth)
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/clip", factory)
    server.attach(None)
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:5])
