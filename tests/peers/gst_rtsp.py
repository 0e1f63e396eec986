"""GStreamer's RTSP server as a real counterpart: serves an MP4 clip under Digest or no authentication.

Imported by tests (`serving`); run as a script under the system Python, which has GStreamer's bindings.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

PIPELINE = "( filesrc location={clip} ! qtdemux ! {codec}parse ! rtp{codec}pay name=pay0 pt=96 config-interval=-1 )"
SOUND = "( audiotestsrc is-live=true ! alawenc ! rtppcmapay name=pay1 pt=8 {picture}"
"""The sound stands first in the pipeline, the picture first in the description."""


class Way(NamedTuple):
    """How the server serves; see `serving`."""

    clip: str
    codec: str
    user: str
    password: str
    basic: bool
    certificate: str
    only_udp: bool
    sound: bool


@contextmanager
def serving(
    clip: Path,
    *,
    user: str = "",
    password: str = "",
    codec: str = "h264",
    basic: bool = False,
    certificate: Path | None = None,
    only_udp: bool = False,
    sound: bool = False,
) -> Iterator[str]:
    """Serve `clip` once per client, in real time; yields the URL without credentials. Blocking: for fixtures.

    `basic`: the password is asked for by Basic, else by Digest. `certificate`: over TLS (with a `user` only), with
    the certificate and key in this file. `only_udp`: no RTP over the connection. `sound`: G.711 is offered beside.
    """
    from tests.peers.need import SYSTEM_PYTHON, need  # not at the top: the script has no test environment

    need("gst-rtsp", "qtdemux", f"{codec}parse")
    way = Way(str(clip), codec, user, password, basic, str(certificate or ""), only_udp, sound)
    command = [SYSTEM_PYTHON, __file__, json.dumps(way)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield f"rtsp{'s' if certificate else ''}://127.0.0.1:{port}/clip"
        finally:
            process.kill()


def main(way: Way) -> None:
    """Serve until killed; prints the port on one line."""
    import gi

    for name in ("Gst", "GstRtsp", "GstRtspServer"):
        gi.require_version(name, "1.0")
    from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer

    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service("0")
    factory = GstRtspServer.RTSPMediaFactory()
    picture = PIPELINE.format(clip=way.clip, codec=way.codec)
    factory.set_launch(SOUND.format(picture=picture.removeprefix("(")) if way.sound else picture)
    if way.only_udp:
        factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
    if way.user:
        auth = GstRtspServer.RTSPAuth()
        token = GstRtspServer.RTSPToken()
        token.set_string("media.factory.role", "viewer")
        if way.basic:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
            auth.add_basic(GstRtspServer.RTSPAuth.make_basic(way.user, way.password), token)
        else:
            auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
            auth.add_digest(way.user, way.password, token)
        if way.certificate:
            auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(way.certificate))
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
    main(Way(*json.loads(sys.argv[1])))
