"""The console's screen as text: 80 columns, at most 24 lines, readable from a ladder. Pure.

Only characters that the kernel's own console font draws (code page 437) come out, and none that steers a terminal:
camera names and what servers answered stand on this screen.
"""

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from appliance.core.errors import Language
from appliance.services.disk_words import disk_lines
from appliance.services.status import LATE_US, sentences
from appliance.web.certificate import hex_lines, in_words

COLUMNS: Final = 80
ROWS: Final = 24
"""The last of 25 lines stays empty: a character in its last column would scroll the screen."""

_LABEL: Final = 16
_TYPOGRAPHY: Final = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "œ": "oe", "Œ": "OE", "✔": "*", "✖": "!"}
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the screen tells. `state`: the recorder's answer, None when it does not answer; `fingerprint`: SHA-256 in
    hex of the page's certificate; `disks`: "sealed", "plain" or ""; `told`: lines that come first, such as a refused
    provisioning file; `recovery`: key by disk, at the very first start only.
    """

    site: str
    number: str
    version: str
    root_hash: str
    disks: str
    addresses: tuple[tuple[str, str], ...]
    fingerprint: str
    state: dict[str, Any] | None
    told: tuple[str, ...]
    recovery: tuple[tuple[str, str], ...]
    now: datetime


def plain(text: str) -> str:
    """The text with what the console's font lacks put in plainer letters, and nothing that steers a terminal."""
    out = []
    for character in text.translate(_TYPOGRAPHY):
        if not character.isprintable():
            out.append(" ")
            continue
        try:
            character.encode("cp437")
        except UnicodeEncodeError:
            simple = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
            out.append("".join(c if c.isprintable() else " " for c in simple) or "?")
        else:
            out.append(character)
    return "".join(out)


def _field(label: str, value: str) -> list[str]:
    lines = textwrap.wrap(plain(value), COLUMNS - _LABEL - 1) or [""]
    return [f"{plain(label):{_LABEL}}{lines[0]}", *(" " * _LABEL + line for line in lines[1:])]


def _recording(camera: dict[str, Any], now_us: int) -> bool:
    marks = [stream.get("durable_utc_us") for stream in camera["streams"].values()]
    return bool(marks) and all(mark is not None and now_us - mark < LATE_US for mark in marks)


def faults_of(facts: Facts, language: Language) -> list[str]:
    """What needs somebody, each in words."""
    french = language == "fr"
    found = list(facts.told)
    if facts.state is None and facts.site:
        found.append(
            "L'enregistrement ne répond pas. Si cela dure plus de deux minutes, redémarrez l'appareil."
            if french
            else "Recording does not answer. If this lasts over two minutes, restart the appliance."
        )
    elif facts.state is not None:
        lines, _ = sentences(facts.state, language, facts.now.tzinfo) if facts.now.tzinfo else ([], True)
        found += [line[1:].strip() for line in lines if line.startswith("✖")]
    return found


def _identity(facts: Facts, language: Language) -> list[str]:
    french = language == "fr"
    lines = _field("Site", facts.site or ("pas encore mis en service" if french else "not set up yet"))
    root = f", {'racine' if french else 'root'} {facts.root_hash[:16]}" if facts.root_hash else ""
    lines += _field("Appareil" if french else "Appliance", f"{facts.number}, version {facts.version or '?'}{root}")
    if facts.disks:
        sealed = ("chiffrés", "encrypted") if facts.disks == "sealed" else ("NON CHIFFRÉS", "NOT ENCRYPTED")
        lines += _field("Chiffrement" if french else "Encryption", sealed[0 if french else 1])
    names = {"uplink": ("site", "site"), "cameras": ("caméras", "cameras")}
    told = [f"{names.get(name, (name, name))[0 if french else 1]} {address}" for name, address in facts.addresses]
    lines += _field("Adresses" if french else "Addresses", "   ".join(told) or ("aucune" if french else "none"))
    if facts.fingerprint:
        lines += _field("Empreinte" if french else "Fingerprint", in_words(facts.fingerprint))
        lines += [" " * _LABEL + line for line in hex_lines(facts.fingerprint)]
    return lines


def _counts(state: dict[str, Any], zone: Any, language: Language) -> list[str]:
    french = language == "fr"
    cameras = state["cameras"]
    recording = sum(not camera.get("pause") and _recording(camera, state["now_utc_us"]) for camera in cameras)
    paused = sum(bool(camera.get("pause")) for camera in cameras)
    disks = state["disks"]
    well = sum(disk_lines(disk, {}, zone, language)[0] for disk in disks)
    if french:
        words = f"{recording} sur {len(cameras)} enregistrent" + (f", {paused} en pause" if paused else "")
        return [*_field("Caméras", words), *_field("Disques", f"{well} sur {len(disks)} en ordre")]
    words = f"{recording} of {len(cameras)} recording" + (f", {paused} paused" if paused else "")
    return [*_field("Cameras", words), *_field("Disks", f"{well} of {len(disks)} in order")]


def _recovery(facts: Facts, language: Language) -> list[str]:
    first = (
        "CLÉ DE SECOURS : recopiez-la maintenant et gardez-la hors du site. Elle ne sera plus jamais montrée."
        if language == "fr"
        else "RECOVERY KEY: copy it now and keep it off the site. It will never be shown again."
    )
    lines = textwrap.wrap(plain(first), COLUMNS - 1)
    for disk, key in facts.recovery:
        lines += [plain(disk), *(f"   {part}" for part in textwrap.wrap(plain(key), COLUMNS - 5))]
    return [*lines, "-" * (COLUMNS - 1)]


def _listed(faults: Sequence[str], room: int, language: Language) -> list[str]:
    """As many as there is room for, the rest counted."""
    lines: list[str] = []
    for number, fault in enumerate(faults):
        wrapped = textwrap.wrap(plain(fault), COLUMNS - 5, initial_indent=" ! ", subsequent_indent="   ")
        rest = len(faults) - number
        if len(lines) + len(wrapped) > room - (rest > 1):
            more = f" ! ... et {rest} autre(s)" if language == "fr" else f" ! ... and {rest} more"
            return [*lines[: room - 1], more] if room > 0 else []
        lines += wrapped
    return lines


def render(facts: Facts, language: Language) -> list[str]:
    """At most ROWS lines of less than COLUMNS characters."""
    french = language == "fr"
    bar = "-" * (COLUMNS - 1)
    title = "TÉMOIN, enregistreur vidéo" if french else "TÉMOIN, video recorder"
    hour = facts.now.strftime("%d/%m/%Y %H:%M" if french else "%Y-%m-%d %H:%M")
    lines = [f"{title:{COLUMNS - 1 - len(hour)}}{hour}", bar]
    if facts.recovery:
        lines += _recovery(facts, language)
    lines += _identity(facts, language)
    faults = faults_of(facts, language)
    lines.append(bar)
    if facts.state is not None:
        lines += _counts(facts.state, facts.now.tzinfo, language)
    if faults:
        lines += [f"À VOIR ({len(faults)})" if french else f"TO BE SEEN TO ({len(faults)})"]
        lines += _listed(faults, ROWS - len(lines), language)
    elif facts.site:
        lines += ["TOUT EST EN ORDRE" if french else "ALL IS WELL"]
    if facts.site and len(lines) < ROWS:
        lines += [""] * (ROWS - 1 - len(lines)) + ["Accès perdu : Alt+F2" if french else "Lost access: Alt+F2"]
    return [plain(line)[: COLUMNS - 1].rstrip() for line in lines[:ROWS]]


def drawn(lines: Iterable[str], *, whole: bool) -> str:
    """Terminal bytes for one screen: from the top, each line to its end. `whole`: wipe first what others wrote on it.

    ECMA-48 cursor position and erase; `?25l` hides the cursor and `9;0]` keeps the screen lit (console_codes(4)).
    """
    start = "\x1b[9;0]\x1b[?25l\x1b[2J\x1b[H" if whole else "\x1b[H"
    return start + "".join(f"{line}\x1b[K\r\n" for line in lines) + "\x1b[J"
