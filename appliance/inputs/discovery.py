"""WS-Discovery (April 2005) as ONVIF Core 7 uses it: one question to the camera network, answers for a while.

The question leaves by the camera network's interface alone and its answers are taken from there alone. They come from
one fixed port of ours, the only one that the firewall lets them reach, which is open only while a search runs.
"""

import asyncio
import fcntl
import socket
import struct
import uuid
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from appliance.inputs.errors import DiscoveryFailed, InterfaceMissing, OnvifXmlRefused
from appliance.inputs.place import Place, of_match
from appliance.inputs.soap import ENVELOPE
from appliance.inputs.xml import Node, clean, parse

GROUP: Final = "239.255.255.250"
PORT: Final = 3702
"""WS-Discovery 1.1 section 2.4."""

ANSWER_PORT: Final = 33702
"""UDP port that answers come to: systemd/nftables/appliance.nft opens it with the question, for 8 s and no longer."""

WAIT_S: Final = 4.0
"""Seconds. A device waits up to 0.5 s before it answers (APP_MAX_DELAY); the question is asked three times."""

ASKED_AT_S: Final = (0.0, 0.5, 1.5)
"""Seconds at which the same question goes out: datagrams get lost, and switches learn the group late."""

MAX_DATAGRAM: Final = 16_384
"""Octets of one answer; ONVIF's are under 4 kB."""

MAX_FOUND: Final = 512
"""Devices of one search: eight times the cameras of a site."""

MAX_ANSWERS: Final = 4096
"""Datagrams of one search that are looked at: three from each of MAX_FOUND, and as much again of strangers'."""

_SIOCGIFADDR: Final = 0x8915  # <linux/sockios.h>

_ADDRESSING: Final = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_DISCOVERY: Final = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_NETWORK: Final = "http://www.onvif.org/ver10/network/wsdl"


@dataclass(frozen=True, slots=True)
class Match:
    """A device that answered. `make`, `model`: what it says in its scopes, empty when nothing."""

    place: Place
    name: str
    hardware: str


def question(message: str) -> bytes:
    """A Probe for video devices. `message`: a UUID."""
    head = (
        f"<a:Action>{_DISCOVERY}/Probe</a:Action><a:MessageID>urn:uuid:{message}</a:MessageID>"
        f"<a:ReplyTo><a:Address>{_ADDRESSING}/role/anonymous</a:Address></a:ReplyTo>"
        "<a:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To>"
    )
    body = f'<d:Probe xmlns:n="{_NETWORK}"><d:Types>n:NetworkVideoTransmitter</d:Types></d:Probe>'
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope xmlns:s="{ENVELOPE}" xmlns:a="{_ADDRESSING}"'
        f' xmlns:d="{_DISCOVERY}"><s:Header>{head}</s:Header><s:Body>{body}</s:Body></s:Envelope>'
    ).encode()


def matches(data: bytes, source: str, message: str) -> list[Match]:
    """The devices of one datagram that answers `message`; none for what is no such answer. Pure, raises nothing."""
    try:
        root = parse(data[:MAX_DATAGRAM])
    except OnvifXmlRefused:
        return []
    related = root.value("Header", "RelatesTo").lower()
    if related.rpartition(":")[2] != message.lower():
        return []  # not asked for: an old answer, or somebody who wants to be found
    found = []
    for one in list(root.every("ProbeMatch"))[:8]:
        place = of_match(source, one.value("XAddrs"))
        if place is not None:
            scopes = _scopes(one)
            found.append(Match(place, scopes.get("name", ""), scopes.get("hardware", "")))
    return found


def _scopes(match: Node) -> dict[str, str]:
    """`onvif://www.onvif.org/name/Some%20Name` and its like, the first of each."""
    found: dict[str, str] = {}
    for word in match.value("Scopes").split()[:64]:
        kind, _, value = word.partition("://www.onvif.org/")[2].partition("/")
        if value:
            found.setdefault(kind.lower(), clean(unquote(value, errors="replace")))
    return found


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, message: str) -> None:
        self.found: dict[tuple[str, int], Match] = {}
        self._message = message
        self._answers = 0

    def datagram_received(self, data: bytes, addr: tuple[str | bytes, int]) -> None:
        self._answers += 1
        if self._answers > MAX_ANSWERS:
            return
        for match in matches(data, str(addr[0]), self._message):
            if len(self.found) < MAX_FOUND:
                self.found.setdefault((match.place.host, match.place.port), match)


def _own_address(opened: socket.socket, interface: str) -> bytes:
    """The interface's IPv4 address, which the question leaves from: left alone Linux may take another card's."""
    request = struct.pack("16s24x", interface.encode())
    found = fcntl.ioctl(opened.fileno(), _SIOCGIFADDR, request)  # netdevice(7)
    return found[20:24]


def _opened(interface: str, port: int) -> socket.socket:
    """Blocks for nothing: three options and a name."""
    try:
        index = socket.if_nametoindex(interface)
    except OSError as error:
        raise InterfaceMissing(interface=interface) from error
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode() + b"\0")
        where = struct.pack("=4s4si", b"\0" * 4, _own_address(opened, interface), index)  # struct ip_mreqn, ip(7)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, where)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
        opened.setblocking(False)
        opened.bind(("", port))
    except OSError as error:
        opened.close()
        raise DiscoveryFailed(interface=interface, reason=error.strerror or str(error)) from error
    return opened


async def find(
    interface: str, *, wait_s: float = WAIT_S, port: int = PORT, answer_port: int = ANSWER_PORT
) -> list[Match]:
    """Who answers within `wait_s`, by address. `answer_port` 0: any free one.

    Raises InterfaceMissing, DiscoveryFailed.
    """
    message = str(uuid.uuid4())
    loop = asyncio.get_running_loop()
    opened = _opened(interface, answer_port)
    transport, protocol = await loop.create_datagram_endpoint(lambda: _Answers(message), sock=opened)
    try:
        start, sent = loop.time(), False
        for at_s in ASKED_AT_S:
            await asyncio.sleep(max(0.0, min(at_s, wait_s) - (loop.time() - start)))
            try:
                _ = opened.sendto(question(message), (GROUP, port))  # one datagram, never blocks
                sent = True
            except OSError as error:
                if not sent:
                    raise DiscoveryFailed(interface=interface, reason=error.strerror or str(error)) from error
        await asyncio.sleep(max(0.0, wait_s - (loop.time() - start)))
    finally:
        transport.close()
    found = protocol.found.values()
    return sorted(found, key=lambda match: (tuple(map(int, match.place.host.split("."))), match.place.port))
