"""Simulated cameras answer WS-Discovery on loopback: the group is joined on `lo`, each answer is a datagram."""

import asyncio
import re
import socket
import struct
import uuid
from typing import Final, Self
from urllib.parse import quote

from appliance.demo import onvif_xml as xml
from appliance.demo.onvif import PATH, OnvifCamera

GROUP: Final = "239.255.255.250"
PORT: Final = 3702


class DiscoveryResponder(asyncio.DatagramProtocol):
    """Answers for some cameras. Start with `async with`. `port` 0: any free one."""

    def __init__(self, cameras: list[OnvifCamera], port: int = PORT, interface: str = "lo") -> None:
        self.port = port
        self._interface = interface
        self.asked = 0
        self._cameras = cameras
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Join the group. Raises OSError where loopback carries no multicast."""
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((GROUP, self.port))
            index = socket.if_nametoindex(self._interface)
            where = struct.pack("=4s4si", socket.inet_aton(GROUP), b"\0" * 4, index)
            opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, where)
            opened.setblocking(False)
        except OSError:
            opened.close()
            raise
        self.port = opened.getsockname()[1]
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=opened)

    def stop(self) -> None:
        """Leave."""
        if self._transport is not None:
            self._transport.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.stop()

    def datagram_received(self, data: bytes, addr: tuple[str | bytes, int]) -> None:
        """A question: each camera answers it."""
        text = data.decode("utf-8", "replace")
        found = re.search(r"MessageID[^>]*>\s*([^<\s]+)", text)
        if "Probe" not in text or found is None or self._transport is None:
            return
        self.asked += 1
        for camera in self._cameras:
            if camera.quirks.strangers:
                self._transport.sendto(match(camera, f"urn:uuid:{uuid.uuid4()}"), addr)
                self._transport.sendto(xml.bomb("entities"), addr)
            else:
                self._transport.sendto(match(camera, found[1]), addr)


def match(camera: OnvifCamera, related: str) -> bytes:
    """One ProbeMatches message."""
    who, action = camera.identity, "http://schemas.xmlsoap.org/ws/2005/04/discovery/ProbeMatches"
    addresses = camera.announced(PATH)
    if camera.quirks.many_addresses:
        addresses = f"http://[fe80::1]:{camera.port}{PATH} http://192.168.1.64{PATH} {addresses}"
    scopes = [
        "type/video_encoder",
        f"name/{quote(who.make)}",
        f"hardware/{quote(who.model)}",
        "location/country/france",
    ]
    head = (
        f"<wsa:MessageID>urn:uuid:{uuid.uuid4()}</wsa:MessageID><wsa:RelatesTo>{related}</wsa:RelatesTo>"
        "<wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To>"
        f"<wsa:Action>{action}</wsa:Action>"
    )
    endpoint = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{camera.port}')}"
    body = (
        f"<d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>{endpoint}</wsa:Address>"
        "</wsa:EndpointReference><d:Types>dn:NetworkVideoTransmitter</d:Types>"
        f"<d:Scopes>{' '.join(f'onvif://www.onvif.org/{scope}' for scope in scopes)}</d:Scopes>"
        f"<d:XAddrs>{addresses}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches>"
    )
    return xml.envelope(body, head)
