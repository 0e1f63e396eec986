"""RTP over UDP, for the clients of cameras that refuse it over their RTSP connection (RFC 2326 section 12.39)."""

import contextlib
import re
import socket

_LOOPBACK = "127.0.0.1"


class Datagrams:
    """Two sockets, RTP and RTCP, towards the ports that the client named in `transport`."""

    def __init__(self, transport: str) -> None:
        found = re.search(r"client_port=(\d+)(?:-(\d+))?", transport)
        first = int(found[1]) if found else 0
        self._ports = (first, int(found[2]) if found and found[2] else first + 1)
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for sock in self._sockets:
            sock.bind((_LOOPBACK, 0))
            sock.setblocking(False)

    def answer(self) -> str:
        """The Transport header of SETUP's answer."""
        own = "-".join(str(sock.getsockname()[1]) for sock in self._sockets)
        return f"RTP/AVP/UDP;unicast;client_port={self._ports[0]}-{self._ports[1]};server_port={own}"

    def send(self, framed: bytes | bytearray) -> None:
        """Send interleaved messages as datagrams; what the kernel has no room for is lost, as on a wire."""
        at = 0
        while at + 4 <= len(framed):
            stop = at + 4 + int.from_bytes(framed[at + 2 : at + 4], "big")
            which = framed[at + 1] & 1
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                self._sockets[which].sendto(bytes(framed[at + 4 : stop]), (_LOOPBACK, self._ports[which]))
            at = stop

    def close(self) -> None:
        """Send nothing more."""
        for sock in self._sockets:
            sock.close()
