"""The image starts, verified, lays its disks out and records; what was changed in it does not start."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from appliance.accounts.challenge import Challenge
from appliance.accounts.codes import decode
from appliance.demo.camera import SimulatedCamera
from appliance.services.recovery import sign
from appliance.site.provision import make_plan, parse_provision
from appliance.web.certificate import fingerprint_of, hex_lines, in_words
from tests.image.doors import SILENT_S, Page, page, tcp_answers, tells_time
from tests.image.entry import OWN_PASSWORD, Commissioning, FirstLogIn, Visitor, code, commission, first_log_in
from tests.image.office import LOGIN, LOGIN_PASSWORD, PASSWORD, USER, central_keys, provision
from tests.image.slots import flip_bit
from tests.image.vm import LOGS, Machine, NoReport, Running, signed
from tests.peers.live import clip_of
from tests.peers.need import ROOT

IMAGE = ROOT / "build/image"
BOOT_S = 300
"""Seconds from power-on to recording under emulation: what the issue allows."""

UP_S = 300
"""Seconds from there to every service, under emulation on a busy machine: the recorder comes first."""

DESK_S = 90
"""Seconds until the box tells what its second screen shows: it tells all of itself every few."""

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]


EPHEMERAL = 32768
"""The first port that Linux chooses by itself (ip_local_port_range)."""


def recording(report: dict[str, Any]) -> bool:
    return report["units"]["appliance-recorder"] == "active" and ": recording" in report["status"]


@pytest.fixture(scope="module")
def camera() -> Iterator[int]:
    """A simulated camera on the host, in a thread with a loop of its own; its port."""
    clips = {"main": clip_of("cour", 1280, 720, 25, 2_000_000)}
    ports: list[int] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        async with SimulatedCamera(clips, user=USER, password=PASSWORD) as simulated:
            ports.append(simulated.port)
            ready.set()
            await end.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(30)
    yield ports[0]
    loop.call_soon_threadsafe(end.set)
    thread.join()
    loop.close()


SERVICES = ("recorder", "detector", "web", "console", "desk", "inputs")


def all_up(report: dict[str, Any]) -> bool:
    """Every service runs and the page's fingerprint has reached the screen."""
    up = all(report["units"][f"appliance-{name}"] == "active" for name in SERVICES)
    return up and any("Empreinte" in line for line in report["screen"])


@dataclass
class Box:
    """`heard`: which doors answered, by name; the page that the site's people get, and their first log-in."""

    machine: Machine
    first: dict[str, Any]
    console: str
    page: Page | None
    entry: FirstLogIn
    heard: dict[str, bool]


@pytest.fixture(scope="module")
def box(camera: int, tmp_path_factory: pytest.TempPathFactory) -> Box:
    """A box after its first start: it recorded for a while, then the plug was pulled."""
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(tmp_path_factory.mktemp("box") / "box", image)
    machine.credentials["provision.json"] = provision(camera)
    with machine.start("first") as running:
        told = running.until(recording, BOOT_S + 120)
        up = running.until(all_up, UP_S)
        shown = page(running.doors["page"])
        heard = {
            "page": shown is not None,
            "page from a camera": page(running.doors["page from a camera"], SILENT_S) is not None,
            "inner page": tcp_answers(running.doors["inner page"]),
            "time": tells_time(running.doors["time"]),
            "time from the site": tells_time(running.doors["time from the site"]),
        }
        entry = first_log_in(running.doors["page"], LOGIN, LOGIN_PASSWORD)
        first = {**up, "recording_s": told["uptime_s"]}
        (LOGS / "first.json").write_text(json.dumps(first), encoding="utf-8")
        return Box(machine, first, running.console(), shown, entry, heard)


def test_the_first_start_is_verified_lays_out_the_disks_and_records(box: Box) -> None:
    first = box.first
    assert first["root_hash"] == (IMAGE / "seal/roothash").read_text().strip()
    assert first["recording_s"] <= BOOT_S
    mounts = {line.split()[1]: line.split() for line in first["mounts"]}
    assert mounts["/"][0] == "/dev/mapper/root"
    assert mounts["/"][2:4][0] == "erofs"
    assert mounts["/"][3].startswith("ro")
    assert {"nosuid", "nodev", "noexec"} <= set(mounts["/var"][3].split(","))
    assert {"nosuid", "nodev", "noexec"} <= set(mounts["/srv/recordings/1"][3].split(","))
    assert "[integrity]" in first["lockdown"]


def planned(text: str) -> dict[str, str]:
    """What the file must have written, as the box tells it: rights and SHA-256 by name."""
    data = text.encode()
    values = parse_provision(data, "provision.json")
    site = values.site_toml or ""
    digest = sha256(data + b"\0" + site.encode()).hexdigest()
    plan, _ = make_plan(values, site, digest, "provision.json")
    folder = f"/var/lib/appliance/site/{plan.name}"
    places = [(f"{folder}/{one.name}", one) for one in plan.site]
    places += [(f"/var/lib/appliance/sealed/{one.name}", one) for one in plan.sealed]
    places += [
        (f"/run/systemd/network/{one.name.removeprefix('network/')}", one)
        for one in plan.site
        if one.name.startswith("network/")
    ]
    written = {name: f"{one.mode:04o} {sha256(one.data).hexdigest()}" for name, one in places}
    return {"/var/lib/appliance/site/current": plan.name, **written}


def test_the_credential_has_set_the_site_up_whole_and_the_first_account_lies_sealed(box: Box, camera: int) -> None:
    assert box.first["written"] == planned(provision(camera))
    assert box.first["written"]["/var/lib/appliance/sealed/page/first-account.json"].startswith("0600 ")


def test_the_screen_tells_the_site_and_the_fingerprint_that_the_page_shows(box: Box) -> None:
    assert box.page is not None
    assert box.page.version == "TLSv1.3"
    fingerprint = fingerprint_of(box.page.certificate)
    screen = "\n".join(box.first["screen"])
    for told in ("Essai, Banc", "NON CHIFFRÉS", "caméras 10.0.2.15", "site 10.0.3.15", in_words(fingerprint)):
        assert told in screen, screen
    assert "caméras 10.20" not in screen, "the address of the file alone"
    assert "require-trusted-types-for 'script'" in box.page.text
    assert "<title>Témoin" in box.page.text
    assert "Portail" not in box.page.text, "nothing of the site before a log-in"


def test_the_first_account_logs_in_over_the_sites_network_and_sees_the_state_once_all_is_set(box: Box) -> None:
    entry = box.entry
    assert (entry.stranger[0], entry.stranger[1]["code"]) == (401, "not-logged-in")
    assert (entry.wrong[0], entry.wrong[1]["code"]) == (401, "wrong-answer")
    assert entry.right[0] == 200, entry.right
    assert (entry.right[1]["name"], entry.right[1]["must"]) == (LOGIN, ["password", "second-factor"])
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= {each.strip() for each in entry.set_cookie.split(";")}
    assert (entry.too_early[0], entry.too_early[1]["code"]) == (403, "set-up-first")
    assert (entry.changed[0], entry.changed[1]["must"]) == (200, ["second-factor"]), entry.changed
    assert (entry.enrolled[0], entry.enrolled[1]["must"]) == (200, []), entry.enrolled
    status, state = entry.state
    assert (status, state["site"]["name"], [each["id"] for each in state["cameras"]]) == (200, "Essai", ["portail"])
    assert entry.after[0] == 401, "logged out"


def test_the_certificate_of_the_log_in_is_the_one_that_the_screen_shows_in_words_and_whole(box: Box) -> None:
    screen = "\n".join(box.first["screen"])
    fingerprint = fingerprint_of(box.entry.certificate)
    for told in (in_words(fingerprint), *hex_lines(fingerprint)):
        assert told in screen, screen


def test_without_tpm_and_secure_boot_it_says_loudly_that_disks_are_not_encrypted(box: Box) -> None:
    assert (box.first["disks"], box.first["tpm"], box.first["secure_boot"]) == ("plain", False, False)
    assert "DISKS ARE NOT ENCRYPTED" in box.console


def test_what_listens_is_the_list_of_the_issue_and_each_door_opens_to_its_own_side_alone(box: Box) -> None:
    """68 is the box's own address asked for on the uplink: the packet filter lets in what was asked for alone. So it
    does with questions to cameras, which have a port of the kernel's choice for as long as they wait.
    """
    outside = set()
    for line in box.first["listening"].splitlines():
        kind, _, _, _, local = line.split()[:5]
        address, _, port = local.rpartition(":")
        if not address.startswith(("127.", "[::1]")) and int(port) < EPHEMERAL:
            outside.add((kind, int(port)))
    assert outside == {("udp", 67), ("udp", 123), ("tcp", 443), ("udp", 68)}
    assert box.heard == {
        "page": True,
        "page from a camera": False,
        "inner page": False,
        "time": True,
        "time from the site": False,
    }


def test_a_report_that_another_signed_is_no_report(box: Box) -> None:
    file = next(box.machine.folder.glob("first.report"))
    line = file.read_text(encoding="ascii").splitlines()[0]
    with pytest.raises(ValueError, match="signature"):
        signed(line, b"another key")


def given_at_the_desk(running: Running, account: str) -> str:
    """The password of one log-in, from the box's second screen, with the central team at the telephone."""

    def shown(pattern: str) -> re.Match[str]:
        def found(report: dict[str, Any]) -> re.Match[str] | None:
            return re.search(pattern, "\n".join(report["desk"]))

        last = found(running.until(lambda report: found(report) is not None, DESK_S))
        assert last is not None
        return last

    shown("tapez le mot azerty")
    running.press("alt", "f2")
    running.enter("azerty")
    shown("Nom de connexion")
    running.enter(account)
    told = shown(rf"appareil +(\S+)\s+compte +{account}\s+demande +(\S+)\s+Tapez son code")
    code_told = sign(central_keys()[0], Challenge(told[1], account, decode(told[2])))
    running.enter(code_told.replace("-", "").lower())
    return shown(r"seule connexion :\s+([0-9A-Z-]{19})")[1]


def assert_commissioned(done: Commissioning) -> None:
    """A technician sees no footage, aims by single pictures once somebody vouches for the time, and gets the page's
    request for the authority.
    """
    assert done.made[0] == 200, done.made
    assert (done.footage[0], done.footage[1]["code"]) == (403, "right-missing"), done.footage
    assert (done.aim[0], done.aim[1]["aim"]["camera"]) == (201, "portail"), done.aim
    assert done.unvouched[0] == 503, done.unvouched
    assert "page de l'enregistreur" in done.unvouched[1]["fr"], "one source alone tells the time of this box"
    assert (done.vouched[0], done.vouched[1]["clock"]["state"]) == (200, "held"), done.vouched
    status, kind, picture = done.pictures[-1]
    assert (status, kind) == (200, "image/jpeg"), [each[2][:200] for each in done.pictures]
    assert (picture[:3], picture[-2:]) == (b"\xff\xd8\xff", b"\xff\xd9"), "SOI and EOI (ISO/IEC 10918-1, B.1.1.3)"
    assert done.request[0] == 201, done.request
    assert done.request[1]["request"].startswith("-----BEGIN CERTIFICATE REQUEST-----")


def test_after_a_power_cut_it_starts_clean_with_the_same_identity_and_records_on(box: Box, camera: int) -> None:
    """`box` was cut off while it recorded; this time its host gives it another site's file, which changes nothing."""
    box.machine.credentials["provision.json"] = provision(camera, "Autre")
    with box.machine.start("second") as running:
        resumed = running.until(recording, BOOT_S + 120)
        again = running.until(lambda r: recording(r) and all_up(r), UP_S)
        visitor = Visitor(running.doors["page"])
        old = visitor.log_in(LOGIN, LOGIN_PASSWORD, code(box.entry.secret))
        own = visitor.log_in(LOGIN, OWN_PASSWORD, code(box.entry.secret))
        commissioning = commission(visitor, "portail")
        back = Visitor(running.doors["page"]).log_in(LOGIN, given_at_the_desk(running, LOGIN))
        (LOGS / "commissioning.txt").write_text(f"{commissioning!r:.4000}", encoding="utf-8")
    assert (old[0], own[0], own[1].get("must")) == (401, 200, []), "the account is as it was left"
    assert fingerprint_of(visitor.certificate) == fingerprint_of(box.entry.certificate)
    assert_commissioned(commissioning)
    assert (back[0], back[1].get("must")) == (200, ["password", "second-factor"]), back
    assert resumed["uptime_s"] <= BOOT_S
    assert again["machine_id"] == box.first["machine_id"]
    assert len(again["machine_id"]) == 32
    assert again["boot_id"] != box.first["boot_id"]
    assert box.first["boot_id"].replace("-", "") in again["boots"], "the journal of the start before is there"
    assert "RECOVERY" not in again["status"]
    assert again["written"] == box.first["written"]
    assert any("cet autre fichier n'a rien changé" in line for line in again["screen"]), again["screen"]


def test_a_changed_byte_of_the_root_does_not_start(box: Box, tmp_path: Path) -> None:
    (image,) = (IMAGE / "disk").glob("*.raw")
    machine = Machine.of(tmp_path / "tampered", image)
    flip_bit(machine.disk, "temoin-root-a")
    machine.credentials = dict(box.machine.credentials)
    with machine.start("tampered") as running:
        running.until_shown("dm-verity device corrupted", BOOT_S)
        with pytest.raises(NoReport):
            running.until(lambda _: True, 5)
