"""`provision.json`: what the office gives an appliance once, checked as a whole, and what is to be written where. Pure.

Nothing that a value held is ever told: a mistake names its line, its key and what to write.
"""

import json
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from appliance.site.errors import Problem, ProvisionInvalid, SiteInvalid
from appliance.site.load import parse_site, problem_words
from appliance.site.model import Credentials, Site
from appliance.site.provision_model import (
    PROVISION_MISTAKES,
    CameraPassword,
    CamerasNetwork,
    FirstAccount,
    Network,
    Provision,
    UplinkNetwork,
)

MAX_BYTES: Final = 1 << 20
"""Bytes. 64 cameras with polygons take some 100 KiB; more than this is another file."""

SITE_FOLDER: Final = Path("/var/lib/appliance/site/current")
"""Where the units look for what is written (systemd/system)."""

_PLACED: Final = {
    "recorder": {
        "socket": "/run/appliance/recorder/recorder.sock",
        "index": "/var/lib/appliance/recorder/index.db",
    },
    "detector": {
        "socket": "/run/appliance/detector/detector.sock",
        "events": "/var/lib/appliance/detector/events.db",
        "models": "/var/lib/appliance/models",
    },
    "inputs": {"socket": "/run/appliance/inputs/inputs.sock"},
}
"""Where the appliance's units have their files; a site file from the office need not know."""


@dataclass(frozen=True, slots=True)
class Written:
    """One file to be: its name below its folder, rights, and content that no `repr` shows."""

    name: str
    mode: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Plan:
    """`site`: a new revision of the site's folder, all or nothing; `sealed`: what only root reads, written before."""

    name: str
    site: tuple[Written, ...]
    sealed: tuple[Written, ...]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1)
        raise KeyError(twice[:40])
    return found


def parse_provision(data: bytes, file: str) -> Provision:
    """The file's content, checked. Raises ProvisionInvalid."""

    def wrong(line: int, fr: str, en: str) -> ProvisionInvalid:
        return ProvisionInvalid(file, (Problem(line, "JSON", fr, en),))

    if len(data) > MAX_BYTES:
        raise wrong(0, "plus de 1 Mio ; est-ce le bon fichier ?", "over 1 MiB; is it the right file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise wrong(line, "enregistrez le fichier en UTF-8", "save the file as UTF-8") from None
    try:
        values = json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise wrong(
            error.lineno,
            f"écriture incorrecte à la colonne {error.colno} : une virgule, un guillemet ou une accolade ?",
            f"not valid JSON at column {error.colno}: a comma, a quote or a brace?",
        ) from None
    except (RecursionError, ValueError):
        raise wrong(0, "ceci n'est pas un fichier de mise en service", "this is no provisioning file") from None
    except KeyError as error:
        line = _line(text, (str(error.args[0]),))
        raise wrong(line, "un mot est écrit deux fois ; gardez-en un", "a key is written twice; keep one") from None
    if not isinstance(values, dict):
        raise wrong(1, "le fichier commence par {", "the file begins with {")
    try:
        return Provision.model_validate(values, strict=False)
    except ValidationError as error:
        found = [_problem(text, detail) for detail in error.errors(include_url=False, include_input=False)]
        raise ProvisionInvalid(file, tuple(sorted(found, key=lambda problem: problem.line))) from None


def _line(text: str, path: Iterable[str | int]) -> int:
    """1-based line of the innermost key of `path` that is there, 0 when none is."""
    at = best = 0
    for step in path:
        if isinstance(step, str):
            found = re.compile(re.escape(json.dumps(step, ensure_ascii=False)) + r"\s*:").search(text, at)
            if found is None:
                break
            at = found.end()
            best = text.count("\n", 0, found.start()) + 1
    return best


_MODELS: Final[dict[tuple[str, ...], type[BaseModel]]] = {
    (): Provision,
    ("network",): Network,
    ("network", "cameras"): CamerasNetwork,
    ("network", "uplink"): UplinkNetwork,
    ("first_account",): FirstAccount,
}


def _problem(text: str, detail: ErrorDetails) -> Problem:
    path = tuple(step for step in detail["loc"] if step != "[key]")
    place = ", ".join(str(step) for step in path) or "provision.json"
    match detail["type"]:
        case "provision":
            fr, en = PROVISION_MISTAKES[detail["msg"]]
        case "missing":
            fr, en = "manque ; ajoutez ce mot et sa valeur", "is missing; add this key and its value"
        case "string_pattern_mismatch":
            fr = "lettres minuscules sans accent, chiffres et tirets seulement"
            en = "lower-case letters without accents, digits and hyphens only"
        case _:
            around = tuple(str(step) for step in path[:-1])
            fr, en = problem_words(path, detail, _MODELS.get(around, Credentials))
    return Problem(_line(text, path), place, fr, en)


def make_plan(provision: Provision, site_text: str, digest: str, file: str) -> tuple[Plan, Site]:
    """What is to be written for a checked file. `digest`: SHA-256 of the file, in hex. Raises ProvisionInvalid with
    the mistakes of the site's own text and of what the two do not agree on.
    """
    name = provision.site_file or "site_toml"
    try:
        text = _completed(site_text, name)
        site = parse_site(text, SITE_FOLDER / "site.toml")
    except SiteInvalid as error:
        raise ProvisionInvalid(file, tuple(_within(name, problem) for problem in error.problems)) from None
    problems = [*_displaced(site, name), *_strangers(provision, site)]
    if problems:
        raise ProvisionInvalid(file, tuple(problems))
    files = [
        Written("site.toml", 0o644, text.encode()),
        Written("interfaces", 0o644, _interfaces(provision.network)),
        Written("network/10-cameras.network.d/site.conf", 0o644, _cameras_conf(provision.network.cameras)),
        Written("network/20-uplink.network.d/site.conf", 0o644, _uplink_conf(provision.network.uplink)),
        Written(
            "ntp/site.sources", 0o644, "".join(f"server {s} iburst\n" for s in provision.network.uplink.ntp).encode()
        ),
        Written("cameras.toml", 0o600, _passwords(provision.cameras)),
        Written("provisioned", 0o644, f"{digest}\n".encode()),
    ]
    if provision.ca_certificate is not None:
        files.append(Written("ca.pem", 0o644, provision.ca_certificate.encode()))
    if provision.recovery_key is not None:
        files.append(Written("recovery.pem", 0o644, provision.recovery_key.encode()))
    sealed = []
    if provision.first_account is not None:
        account = json.dumps(provision.first_account.model_dump(), ensure_ascii=False)
        sealed.append(Written("page/first-account.json", 0o600, account.encode()))
    if provision.enrolment_password is not None:
        sealed.append(Written("enrolment-password", 0o600, provision.enrolment_password.encode()))
    return Plan(digest[:16], tuple(files), tuple(sealed)), site


def _completed(text: str, name: str) -> str:
    """The site's text with the tables of the appliance's own places behind it, where it has none of its own."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return text  # told with its line by the reader of site files
    for table, values in _PLACED.items():
        if table not in data:
            lines = "".join(f'{key} = "{value}"\n' for key, value in values.items())
            text = f"{text.rstrip()}\n\n[{table}]\n{lines}"
    return text


def _within(name: str, problem: Problem) -> Problem:
    return Problem(problem.line, f"{name}, {problem.place}", problem.fr, problem.en)


def _displaced(site: Site, name: str) -> list[Problem]:
    there = {
        ("recorder", "socket"): site.recorder.socket,
        ("recorder", "index"): site.recorder.index,
        ("detector", "socket"): site.detector.socket,
        ("detector", "events"): site.detector.events,
        ("detector", "models"): site.detector.models,
        ("inputs", "socket"): site.inputs.socket,
    }
    found = []
    for (table, key), value in there.items():
        wanted = _PLACED[table][key]
        if str(value) != wanted:
            words = f'{key} = "{wanted}"'
            fr = f"dans l'appareil il faut {words} ; ou retirez [{table}]"
            en = f"the appliance needs {words}; or remove [{table}]"
            found.append(Problem(0, f"{name}, [{table}]", fr, en))
    for disk in site.disk:
        if not re.fullmatch(r"/srv/recordings/[1-8]", str(disk.path)):
            fr = "dans l'appareil un disque s'écrit path = \"/srv/recordings/1\" (à 8)"
            found.append(
                Problem(0, f"{name}, [[disk]]", fr, 'a disk of the appliance is path = "/srv/recordings/1" (to 8)')
            )
    return found


def _strangers(provision: Provision, site: Site) -> list[Problem]:
    known = {camera.id for camera in site.camera}
    return [
        Problem(0, f"cameras, {name}", "aucune caméra du site ne porte ce nom", "no camera of the site has this name")
        for name in provision.cameras
        if name not in known
    ]


def _interfaces(network: Network) -> bytes:
    return f"cameras {network.cameras.mac}\nuplink {network.uplink.mac}\n".encode()


def _cameras_conf(cameras: CamerasNetwork) -> bytes:
    """The pool is the upper half of the network, at most 100 addresses: the lower ones are for fixed ones."""
    network = IPv4Interface(cameras.address).network
    half = network.num_addresses // 2
    size = min(100, half - 1)
    return f"[Network]\nAddress={cameras.address}\n[DHCPServer]\nPoolOffset={half}\nPoolSize={size}\n".encode()


def _uplink_conf(uplink: UplinkNetwork) -> bytes:
    lines = ["[Network]"]
    if uplink.address is not None:
        lines += ["DHCP=no", f"Address={uplink.address}", f"Gateway={uplink.gateway}"]
    lines += [f"DNS={server}" for server in uplink.dns]
    return ("\n".join(lines) + "\n").encode()


def _passwords(cameras: dict[str, CameraPassword]) -> bytes:
    """TOML; JSON writes a printable string as TOML reads it."""
    return "".join(
        f"[{name}]\nuser = {json.dumps(c.user, ensure_ascii=False)}\n"
        f"password = {json.dumps(c.password, ensure_ascii=False)}\n"
        for name, c in cameras.items()
    ).encode()
