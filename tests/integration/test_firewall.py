"""The appliance's firewall from both sides, with real packets: cameras get address and time, people the page.

Each refusal has its twin: the same probe is answered while the rules are not loaded.
"""

import contextlib
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from appliance.inputs.discovery import ANSWER_PORT
from tests.peers.need import ROOT, need, need_network_namespaces
from tests.peers.netns import (
    BOX_CAMERAS,
    BOX_UPLINK,
    CAMERA_1,
    CAMERA_2,
    PC,
    Host,
    Probe,
    bridge,
    cable,
    hosts,
)

EVIDENCE_FILE = ROOT / "build/evidence/ports.json"
RULES = ROOT / "systemd/nftables/appliance.nft"
BOX_PORTS = (
    *("tcp:22", "tcp:80", "tcp:443", "tcp:8080", "tcp:554"),
    *("udp:53", "udp:67", "udp:123", "udp:161", "udp:5353", f"udp:{ANSWER_PORT}"),
)


@dataclass
class Network:
    """A camera network behind a switch, the appliance, and a person's PC."""

    box: Host
    camera: Host
    other: Host
    pc: Host


@pytest.fixture
def site() -> Iterator[Network]:
    need("ip", "nft")
    need_network_namespaces()
    with hosts("box", "switch", "cam1", "cam2", "pc") as (box, switch, camera, other, pc):
        cable(box, "cameras", switch, "box")
        cable(camera, "eth0", switch, "cam1")
        cable(other, "eth0", switch, "cam2")
        cable(box, "uplink", pc, "eth0")
        bridge(switch, "lan", "box", "cam1", "cam2")
        for host, link, address in (
            (box, "cameras", BOX_CAMERAS),
            (box, "uplink", BOX_UPLINK),
            (camera, "eth0", CAMERA_1),
            (other, "eth0", CAMERA_2),
            (pc, "eth0", PC),
        ):
            host.address(link, address)
        camera.ip("route", "add", "default", "via", BOX_CAMERAS)  # one that was taken over tries
        pc.ip("route", "add", "10.20.0.0/24", "via", BOX_UPLINK)
        box.run("sysctl", "-qw", "net.ipv4.ip_forward=1")  # the rules must do without the setting that forbids it
        yield Network(box, camera, other, pc)


def of(address: str) -> list[Probe]:
    return [(kind, address, int(port)) for kind, _, port in (word.partition(":") for word in BOX_PORTS)]


def test_cameras_get_address_and_time_and_people_the_page(site: Network) -> None:
    asked = of(BOX_CAMERAS) + of(BOX_UPLINK)  # both addresses from both sides: Linux answers for all of its own
    with site.box.listening(*BOX_PORTS):
        assert site.camera.open(asked) == set(asked)
        assert site.pc.open(asked) == set(asked)
        site.box.rules(RULES)
        from_cameras = {probe for probe in asked if probe[0] == "udp" and probe[2] in {67, 123}}
        assert site.camera.open(asked) == from_cameras
        from_uplink = {probe for probe in asked if probe[0] == "tcp" and probe[2] == 443}
        assert site.pc.open(asked) == from_uplink


def test_nothing_passes_between_the_networks(site: Network) -> None:
    to_pc, to_camera = [("tcp", PC, 80), ("udp", PC, 53)], [("tcp", CAMERA_1, 554), ("udp", CAMERA_1, 53)]
    with site.pc.listening("tcp:80", "udp:53"), site.camera.listening("tcp:554", "udp:53"):
        assert site.camera.open(to_pc) == set(to_pc)
        assert site.pc.open(to_camera) == set(to_camera)
        site.box.rules(RULES)
        assert site.camera.open(to_pc) == set()
        assert site.pc.open(to_camera) == set()


def test_a_camera_cannot_reach_another_by_way_of_the_appliance(site: Network) -> None:
    """A switch that keeps its ports apart leaves the appliance as the only way round."""
    site.camera.ip("route", "add", f"{CAMERA_2}/32", "via", BOX_CAMERAS)
    site.other.ip("route", "add", f"{CAMERA_1}/32", "via", BOX_CAMERAS)
    site.camera.run("sysctl", "-qw", "net.ipv4.conf.all.accept_redirects=0", "net.ipv4.conf.eth0.accept_redirects=0")
    asked = [("tcp", CAMERA_2, 554)]
    with site.other.listening("tcp:554"):
        assert site.camera.open(asked) == set(asked)
        site.box.rules(RULES)
        assert site.camera.open(asked) == set()


def test_the_recorder_reaches_cameras_and_nothing_leaves_by_the_uplink(site: Network) -> None:
    cameras, away = [("tcp", CAMERA_1, 554), ("tcp", CAMERA_1, 8554)], [("tcp", PC, 80), ("tcp", PC, 443)]
    with (
        site.camera.listening("tcp:554", "tcp:8554", "udp:9000", "udp:161"),
        site.pc.listening("tcp:80", "tcp:443", "udp:123"),
    ):
        assert site.box.open(away) == set(away)
        site.box.rules(RULES)
        asked = [*cameras, ("udp", CAMERA_1, 9000), ("udp", CAMERA_1, 161), *away, ("udp", PC, 123)]
        assert site.box.open(asked) == {*cameras, ("udp", CAMERA_1, 9000), ("udp", PC, 123)}  # 9000: RTP over UDP


_RESPONDER = """
import asyncio
from appliance.core.clock import SystemClock
from appliance.demo import discovery, onvif
async def main():
    onvif.LOOPBACK = "ADDRESS"
    camera = onvif.OnvifCamera({}, SystemClock())
    camera.port = 80
    async with discovery.DiscoveryResponder([camera], interface="eth0"):
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""

_SEARCH = """
import asyncio, json, sys
from appliance.inputs import discovery
found = asyncio.run(discovery.find("cameras", wait_s=1.0, answer_port=int(sys.argv[1])))
print(json.dumps([one.place.address for one in found]))
"""


def search(box: Host, answer_port: int) -> list[str]:
    return list(json.loads(box.run(sys.executable, "-c", _SEARCH, str(answer_port))))


@pytest.mark.full
def test_a_search_finds_cameras_through_the_rules_by_its_own_port_alone(site: Network) -> None:
    with contextlib.ExitStack() as running:
        for host, address in ((site.camera, CAMERA_1), (site.other, CAMERA_2)):
            script = _RESPONDER.replace("ADDRESS", address)
            command = ["ip", "netns", "exec", host.name, sys.executable, "-c", script]
            process = running.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
            running.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        both = [CAMERA_1, CAMERA_2]
        assert search(site.box, 40_000) == both
        site.box.rules(RULES)
        assert search(site.box, ANSWER_PORT) == both
        assert search(site.box, 40_000) == []


_FETCH = """
import asyncio, sys
import aiohttp
from appliance.inputs.http import open_session
async def main():
    async with open_session(sys.argv[1], call_s=1.0) as session:
        try:
            async with session.get(f"http://{sys.argv[2]}/"):
                print("answered")
        except (TimeoutError, aiohttp.ClientConnectorError):
            print("not")
        except aiohttp.ClientError:  # the listener closes what it accepts
            print("reached")
asyncio.run(main())
"""


def test_who_asks_cameras_reaches_nobody_else_even_without_the_rules(site: Network) -> None:
    with site.pc.listening("tcp:80"), site.camera.listening("tcp:80"):
        asked = (("cameras", CAMERA_1), ("cameras", PC), ("uplink", PC))
        told = [site.box.run(sys.executable, "-c", _FETCH, *words).strip() for words in asked]
    assert told == ["reached", "not", "reached"]


def test_cameras_on_several_ports_of_the_appliance_do_not_hear_each_other() -> None:
    need("ip", "nft")
    need_network_namespaces()
    with hosts("box", "cam1", "cam2") as (box, camera, other):
        cable(box, "camera1", camera, "eth0")
        cable(box, "camera2", other, "eth0")
        bridge(box, "cameras", "camera1", "camera2")
        box.address("cameras", BOX_CAMERAS)
        camera.address("eth0", CAMERA_1)
        other.address("eth0", CAMERA_2)
        asked = [("tcp", CAMERA_2, 554), ("udp", BOX_CAMERAS, 123)]
        with other.listening("tcp:554"), box.listening("udp:123"):
            assert camera.open(asked) == set(asked)
            box.rules(RULES)
            camera.ip("neighbour", "flush", "all")
            assert camera.open(asked) == {("udp", BOX_CAMERAS, 123)}
            assert box.open([("tcp", CAMERA_2, 554)]) == {("tcp", CAMERA_2, 554)}


def test_a_port_for_answers_opens_with_the_question_alone(site: Network) -> None:
    site.box.rules(RULES)
    asked = [("udp", BOX_CAMERAS, 33702)]
    with site.box.listening("udp:33702"):
        assert site.camera.open(asked) == set()
        site.box.run(sys.executable, "-c", QUESTION)
        assert site.camera.open(asked) == set(asked)
        assert "timeout 8s" in site.box.run("nft", "list", "set", "inet", "appliance", "searching"), (
            "and closes by itself"
        )


QUESTION = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("{BOX_CAMERAS}"))
s.bind(("0.0.0.0", 33702))
s.sendto(b"?", ("239.255.255.250", 3702))
"""


@pytest.mark.full
@pytest.mark.timeout(240)
def test_of_all_ports_those_of_the_evidence_are_open_and_no_other(site: Network) -> None:
    """Every TCP and UDP port at every address from both sides; written to build/evidence/ports.json.

    Each measurement's twin: without the rules all of them are reached, so what is not heard was dropped.
    """
    box, camera, pc, other = site.box, site.camera, site.pc, site.other
    camera.ip("route", "add", f"{CAMERA_2}/32", "via", BOX_CAMERAS)
    other.ip("route", "add", f"{CAMERA_1}/32", "via", BOX_CAMERAS)
    camera.run("sysctl", "-qw", "net.ipv4.conf.all.accept_redirects=0", "net.ipv4.conf.eth0.accept_redirects=0")
    inward = {
        "camera network": [(camera, BOX_CAMERAS), (camera, BOX_UPLINK), (camera, f"{box.link_local('cameras')}%eth0")],
        "uplink": [(pc, BOX_UPLINK), (pc, BOX_CAMERAS), (pc, f"{box.link_local('uplink')}%eth0")],
    }
    across = {
        "camera to uplink": (pc, camera, PC),
        "uplink to camera": (camera, pc, CAMERA_1),
        "camera to camera": (other, camera, CAMERA_2),
    }
    every = {f"{kind}:{port}" for kind in ("tcp", "udp") for port in range(1, 65536)}
    for who, address in (inward["camera network"][0], inward["uplink"][2]):
        assert box.heard_from(who, address) == every
    for listener, who, address in across.values():
        assert listener.heard_from(who, address) == every
    box.rules(RULES)
    measured = {
        side: sorted(set().union(*(box.heard_from(who, address) for who, address in asked)))
        for side, asked in inward.items()
    }
    passed = {way: sorted(there.heard_from(who, address)) for way, (there, who, address) in across.items()}
    assert measured == {"camera network": ["udp:123", "udp:67"], "uplink": ["tcp:443"]}
    assert passed == {way: [] for way in across}
    told = {
        "rules_sha256": hashlib.sha256(RULES.read_bytes()).hexdigest(),
        "open": measured,
        "forwarded": passed,
        "how": "every TCP and UDP port by IPv4 and IPv6, tests/integration/test_firewall.py",
        "for_8_s_after_a_search": {"camera network": ["udp:33702"]},
    }
    EVIDENCE_FILE.parent.mkdir(parents=True, exist_ok=True)
    EVIDENCE_FILE.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def test_each_way_out_of_the_rules_is_closed_by_default() -> None:
    text = RULES.read_text(encoding="utf-8")
    hooks = re.findall(r"type filter hook (\w+) priority filter; policy (\w+);", text)
    assert hooks == [("input", "drop"), ("forward", "drop"), ("output", "drop"), ("forward", "drop")]
