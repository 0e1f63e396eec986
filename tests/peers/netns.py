"""Network namespaces wired as a site: the appliance between its camera network and the site's own (ip-netns(8))."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

BOX_CAMERAS: Final = "10.20.0.1"
BOX_UPLINK: Final = "192.0.2.1"
PC: Final = "192.0.2.9"
CAMERA_1: Final = "10.20.0.11"
CAMERA_2: Final = "10.20.0.12"

Probe = tuple[str, str, int]
"""("tcp" or "udp", address, port)."""

_LISTEN: Final = """
import selectors, socket, sys
chosen = selectors.DefaultSelector()
addresses, ports = sys.argv[1].split(","), sys.argv[2:]
for word in ports:
    kind, port = word.split(":")
    for address in addresses:  # a socket each: the answer must come from the address that was asked
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, int(port)))
        if kind == "tcp":
            s.listen(64)
        chosen.register(s, selectors.EVENT_READ, kind)
print("ready", flush=True)
while True:
    for key, _ in chosen.select():
        if key.data == "tcp":
            key.fileobj.accept()[0].close()
        else:
            key.fileobj.sendto(b"pong", key.fileobj.recvfrom(100)[1])
"""

_PROBE: Final = """
import asyncio, json, socket, sys
async def tcp(address, port):
    _, writer = await asyncio.open_connection(address, port)
    writer.close()
async def udp(address, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    with s:
        await asyncio.get_running_loop().sock_sendto(s, b"ping", (address, port))
        await asyncio.get_running_loop().sock_recv(s, 100)
async def tried(kind, address, port):
    try:
        async with asyncio.timeout(0.7):
            await (tcp if kind == "tcp" else udp)(address, port)
    except (OSError, TimeoutError):
        return False
    return True
async def main():
    return await asyncio.gather(*(tried(*probe) for probe in json.loads(sys.argv[1])))
print(json.dumps(asyncio.run(main())))
"""

_HEAR: Final = """
import json, selectors, socket, struct, sys
chosen = selectors.DefaultSelector()
for family in (socket.AF_INET, socket.AF_INET6):
    for kind, protocol in (("tcp", socket.IPPROTO_TCP), ("udp", socket.IPPROTO_UDP)):
        s = socket.socket(family, socket.SOCK_RAW, protocol)  # a copy of what came past the packet filter (raw(7))
        s.setsockopt(socket.SOL_SOCKET, 33, 256 << 20)  # SO_RCVBUFFORCE
        chosen.register(s, selectors.EVENT_READ, (kind, family == socket.AF_INET))
chosen.register(sys.stdin, selectors.EVENT_READ, None)
print("ready", flush=True)
found, left = set(), False
while True:
    ready = chosen.select(0.2 if left else None)
    if left and not ready:
        break
    for key, _ in ready:
        if key.data is None:
            left = True
            chosen.unregister(sys.stdin)
            continue
        kind, headed = key.data
        data = key.fileobj.recv(128)
        at = (data[0] & 15) * 4 if headed else 0
        found.add((kind, struct.unpack_from("!H", data, at + 2)[0]))
print(json.dumps(sorted(found)))
"""

_KNOCK: Final = """
import socket, struct, sys
address = sys.argv[1]
family, _, _, _, where = socket.getaddrinfo(address, 1, type=socket.SOCK_DGRAM)[0]
udp = socket.socket(family, socket.SOCK_DGRAM)
tcp = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_TCP)
udp.connect(where)
own = udp.getsockname()[0]
udp = socket.socket(family, socket.SOCK_DGRAM)  # one that nobody's refusal comes back to
def total(data):
    return sum(struct.unpack(f"!{len(data) // 2}H", data))
pack = lambda text: socket.inet_pton(family, text.partition("%")[0])
pseudo = total(pack(own) + pack(address)) + 6 + 20
for port in range(1, 65536):
    head = struct.pack("!HHIIBBHHH", 40000, port, 1, 0, 0x50, 2, 1024, 0, 0)  # SYN
    value = pseudo + total(head)
    value = (value & 0xFFFF) + (value >> 16)
    value = ~((value & 0xFFFF) + (value >> 16)) & 0xFFFF
    tcp.sendto(head[:16] + struct.pack("!H", value) + head[18:], (*where[:1], 0, *where[2:]))
    udp.sendto(b"", (*where[:1], port, *where[2:]))
"""


def ip(*words: str) -> None:
    """One `ip` command that must end well."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@dataclass(frozen=True)
class Host:
    """One namespace."""

    name: str

    def run(self, *command: str) -> str:
        """What a command wrote inside; it must end well."""
        done = subprocess.run(
            ["ip", "netns", "exec", self.name, *command], capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ip(self, *words: str) -> None:
        ip("-n", self.name, *words)

    def address(self, link: str, address: str) -> None:
        """Give a link its address in a /24 and switch it on."""
        self.ip("address", "add", f"{address}/24", "dev", link)
        self.ip("link", "set", link, "up")

    def rules(self, file: Path) -> None:
        self.run("nft", "--file", str(file))

    def open(self, probes: Iterable[Probe]) -> set[Probe]:
        """Which of them answer from here."""
        asked = list(probes)
        answers = json.loads(self.run(sys.executable, "-c", _PROBE, json.dumps(asked)))
        return {probe for probe, answered in zip(asked, answers, strict=True) if answered}

    def heard_from(self, other: "Host", address: str) -> set[str]:
        """Which ports of this host the packet filter lets that other one reach at that address, of all TCP and UDP
        ports: "tcp:443". What is listened to does not matter.
        """
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", _HEAR]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            other.run(sys.executable, "-c", _KNOCK, address)
            told, _ = process.communicate(timeout=30)
        return {f"{kind}:{port}" for kind, port in json.loads(told)}

    def link_local(self, link: str) -> str:
        """Its IPv6 address on a link."""
        told = json.loads(self.run("ip", "-json", "-6", "address", "show", "dev", link))
        return str(next(each["local"] for each in told[0]["addr_info"] if each["local"].startswith("fe80")))

    @contextlib.contextmanager
    def listening(self, *ports: str) -> Iterator[None]:
        """Servers on all addresses: "tcp:443", "udp:67"."""
        told = self.run("ip", "-json", "-4", "address")
        addresses = [each["local"] for link in json.loads(told) for each in link["addr_info"]]
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", _LISTEN, ",".join(addresses), *ports]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                yield
            finally:
                process.kill()


@contextlib.contextmanager
def hosts(*names: str) -> Iterator[list[Host]]:
    """Namespaces that end with the test, and all links with them."""
    made: list[Host] = []
    try:
        for name in names:
            host = Host(f"test-{os.getpid()}-{name}")
            ip("netns", "add", host.name)
            made.append(host)
            host.ip("link", "set", "lo", "up")
            host.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")  # link-local addresses serve at once
        yield made
    finally:
        for host in made:
            ip("netns", "delete", host.name)


def cable(one: Host, link: str, other: Host, end: str) -> None:
    """A cable between two namespaces."""
    ip("-n", one.name, "link", "add", link, "type", "veth", "peer", "name", end, "netns", other.name)


def bridge(host: Host, name: str, *ports: str) -> None:
    """A bridge with these ports, all switched on."""
    host.ip("link", "add", name, "type", "bridge")
    for port in ports:
        host.ip("link", "set", port, "master", name)
        host.ip("link", "set", port, "up")
    host.ip("link", "set", name, "up")
