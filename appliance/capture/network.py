"""Is it the camera, or our own network? When the recorder's link is down, or every camera goes at once, it is ours.

A camera that does not answer looks the same whether it is broken, its cable is cut, or the switch lost its current.
Two facts tell them apart: the carrier of the interface that leads to it, and whether the others went with it. Which
makes one fault to mend of sixty that no camera has.

`judge` is pure; `read_links` reads what the kernel knows, a few milliseconds for 64 cameras.
"""

import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from appliance.capture.errors import CaptureError, NetworkDown
from appliance.core.cause import GapCause
from appliance.core.clock import Clock

AWAY: Final = frozenset({GapCause.CAMERA_UNREACHABLE, GapCause.CAMERA_SILENT})
"""Failures of a camera that a dead network looks like; any other one is an answer."""

TOGETHER_US: Final = 30_000_000
"""us. Silence is noticed within 10 s and a connection given up within as much again: cameras lost by one cause are
noticed within this of each other."""

RECOVERY_US: Final = 120_000_000
"""us after the network came back for which a camera that stays away is still its doing: one that the switch feeds
starts anew, in 30 to 60 s, and is met again at the next try."""

_SYS: Final = Path("/sys/class/net")


@dataclass(frozen=True, slots=True)
class Host:
    """What is known of a camera's address. `since_us`: monotonic time since which it is so."""

    alive: bool
    since_us: int


def judge(host: str, hosts: Mapping[str, Host], links: Mapping[str, bool | None]) -> set[str]:
    """The hosts that are away because the network is, `host` among them; none when its failure is its own.

    `links`: carrier towards a host, None unknown.
    """
    if links.get(host) is False:
        return {name for name in {host, *hosts} if links.get(name) is False}
    here = hosts.get(host)
    if here is None or any(other.alive for other in hosts.values()):
        return set()
    together = {name for name, other in hosts.items() if abs(other.since_us - here.since_us) <= TOGETHER_US}
    return together if len(together) > 1 else set()


class Network:
    """What all cameras of a site tell of their network. Lives in the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._hosts: dict[str, Host] = {}
        self._links: dict[str, bool | None] = {}
        self._down_us: dict[str, int] = {}  # when a host was last judged away because of the network

    def alive(self, host: str) -> None:
        """The camera sends pictures, or has answered in any way."""
        self._set(host, alive=True)
        self._down_us.pop(host, None)

    def forget(self, host: str) -> None:
        """The camera is kept from recording: it says nothing of the network."""
        self._hosts.pop(host, None)
        self._down_us.pop(host, None)

    def links(self, found: Mapping[str, bool | None]) -> None:
        """The carriers as they are now."""
        self._links = dict(found)

    def explain(self, host: str, error: CaptureError) -> CaptureError:
        """The failure of a camera, or NetworkDown when it is not the camera's."""
        if error.cause not in AWAY:
            self.alive(host)
            return error
        self._set(host, alive=False)
        now = self._clock.monotonic_us()
        fallen = judge(host, self._hosts, self._links)
        self._down_us.update(dict.fromkeys(fallen, now))
        down_us = self._down_us.get(host)
        return NetworkDown() if down_us is not None and now - down_us < RECOVERY_US else error

    def _set(self, host: str, *, alive: bool) -> None:
        known = self._hosts.get(host)
        if known is None or known.alive is not alive:
            self._hosts[host] = Host(alive, self._clock.monotonic_us())


def read_links(hosts: Iterable[str], sys: Path = _SYS) -> dict[str, bool | None]:
    """Carrier of the interface that leads to each host: False without carrier or route, None unknown. Blocks."""
    owners = {
        one.address.partition("%")[0]: name for name, addresses in psutil.net_if_addrs().items() for one in addresses
    }
    carriers: dict[str, bool] = {}
    found: dict[str, bool | None] = {}
    for host in hosts:
        local = _local_address(host)
        if not local:
            found[host] = None if local is None else False
            continue
        name = owners.get(local)
        if name is not None and name not in carriers:
            carriers[name] = _carrier(sys / name)
        found[host] = None if name is None else carriers[name]
    return found


def _local_address(host: str) -> str | None:
    """The address that packets to a numeric address leave from; "" without a route, None for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None  # whoever looks a name up may wait for the very network
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 554))  # sends nothing: the kernel chooses the route
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def _carrier(interface: Path) -> bool:
    try:
        return (interface / "carrier").read_text(encoding="ascii").strip() == "1"
    except OSError:
        return False  # EINVAL: the interface is switched off
