"""`appliance camera find|probe|set-password`: what a technician asks of cameras, in words.

A password is typed without being shown, or read from standard input when that is no terminal; never an argument, which
every user of the machine could read.
"""

import asyncio
import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from appliance.alerts.errors import NoSuchCamera
from appliance.core.errors import ApplianceError, Language
from appliance.inputs.client import InputsClient
from appliance.inputs.errors import InputsRefused, PasswordInDoubt
from appliance.inputs.password import check_new
from appliance.inputs.place import private
from appliance.services.camera_secret import SecretsFile, secrets_file
from appliance.services.errors import CameraAddressUnknown, PasswordsDiffer, PasswordUnknown
from appliance.site.load import load_credentials, load_site
from appliance.site.model import CameraSettings, Credentials, Site

Ask = Callable[[str], str]
"""Shows a question, returns what was typed and not shown."""

CODECS: Final = {"h264": "H.264", "h265": "H.265", "jpeg": "JPEG", "mpeg4": "MPEG-4"}


def typed_secret(question: str) -> str:
    """Without echo at a terminal, else the next line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(question)
    return sys.stdin.readline().rstrip("\n")


def _asked(site: Site, verb: str, **fields: object) -> dict[str, Any]:
    async def ask() -> dict[str, Any]:
        async with InputsClient(site.inputs.socket) as client:
            return await client.ask(verb, **fields)

    return asyncio.run(ask())


def known_hosts(site: Site) -> dict[str, list[str]]:
    """Names of the site's cameras by the machine of their addresses; one machine may have several (an encoder)."""
    found: dict[str, list[str]] = {}
    for camera in site.camera:
        found.setdefault(urlsplit(camera.main).hostname or "", []).append(camera.name)
    return found


def find(file: Path, language: Language) -> int:
    """Print who answers on the camera network; 1 when nobody does. Raises what the service may answer."""
    site = load_site(file)
    devices = _asked(site, "find")["devices"]
    print("\n".join(found_lines(devices, known_hosts(site), site.inputs.interface, language)))
    return 0 if devices else 1


def found_lines(
    devices: list[dict[str, Any]], known: dict[str, list[str]], interface: str, language: Language
) -> list[str]:
    """One line a device: address, what it calls itself, the site's own name for it. Pure."""
    french = language == "fr"
    if not devices:
        return [
            f"Aucune caméra ne répond sur « {interface} ». Vérifiez câble et alimentation, et qu'ONVIF est activé ; "
            "sinon interrogez-la par son adresse : appliance camera probe"
            if french
            else f"No camera answers on {interface}. Check cable and power, and that ONVIF is on; "
            "or ask it by its address: appliance camera probe"
        ]
    lines = [f"{'Caméras trouvées :' if french else 'Cameras found:'} {len(devices)}"]
    for one in devices:
        words = " ".join(filter(None, (one["name"], one["hardware"]))) or ("sans nom" if french else "no name")
        names = ", ".join(known.get(one["address"].partition(":")[0], ()))
        mark = f"  ({'dans site.toml à cette adresse :' if french else 'in site.toml at this address:'} {names})"
        lines.append(f"  {one['address']:<21} {words}{mark if names else ''}")
    more = "Pour en savoir plus :" if french else "To know more:"
    lines.append(
        f"{more} appliance camera probe {devices[0]['address']} --site site.toml --user {'NOM' if french else 'NAME'}"
    )
    return lines


def probe(
    file: Path, address: str, user: str, language: Language, *, adjust: bool = False, secret: Ask = typed_secret
) -> int:
    """Print all about one camera; with `adjust` its light stream and time are set first. 1: something is not right."""
    site = load_site(file)
    question = f"Mot de passe de {user} : " if language == "fr" else f"Password of {user}: "
    fields = {"address": address, "user": user, "password": secret(question) if user else ""}
    answer = _asked(site, "adjust" if adjust else "probe", **fields)
    print("\n".join(camera_lines(answer["camera"], language)))
    for refused in answer.get("refused", ()):
        print(f"✖ {refused[language]}")
    return 1 if answer["camera"]["remarks"] or answer.get("refused") else 0


def camera_lines(camera: dict[str, Any], language: Language) -> list[str]:
    """Who it is, its streams, what is not right, what to write. Pure."""
    french = language == "fr"
    unknown = "inconnu" if french else "unknown"
    firmware = "logiciel" if french else "firmware"
    serial = "n° de série" if french else "serial number"
    who = " ".join(filter(None, (camera["make"], camera["model"]))) or unknown
    lines = [
        f"{camera['address']}  {who}",
        f"  {firmware} {camera['firmware'] or unknown}, {serial} {camera['serial'] or unknown}",
        f"  {_clock(camera, language)}",
    ]
    lines += [f"  {_stream(one, language)}" for one in camera["streams"]]
    if camera["remarks"]:
        lines += ["", "À corriger :" if french else "To be put right:"]
        lines += [f"✖ {remark[language]}" for remark in camera["remarks"]]
    else:
        lines += ["", "✔ Rien à corriger." if french else "✔ Nothing to put right."]
    if camera["site_toml"]:
        lines += [
            "",
            "À coller dans site.toml, en complétant ce qui est vide, puis : appliance site check site.toml"
            if french
            else "To paste into site.toml; fill in what is empty, then: appliance site check site.toml",
            "",
            camera["site_toml"].rstrip(),
        ]
    return lines


def _clock(camera: dict[str, Any], language: Language) -> str:
    off, french = camera["clock_off_s"], language == "fr"
    if off is None:
        return "heure inconnue" if french else "time unknown"
    how = (
        ("par le réseau" if french else "by the network")
        if camera["clock_by_ntp"]
        else ("réglée à la main" if french else "set by hand")
    )
    return f"heure : écart {off:+d} s, {how}" if french else f"time: off by {off:+d} s, {how}"


def _stream(one: dict[str, Any], language: Language) -> str:
    french = language == "fr"
    roles = {"main": "principal" if french else "main", "sub": "léger" if french else "light"}
    role = roles.get(one["role"], "autre" if french else "other")
    size = f"{one['width']} × {one['height']}" if one["width"] else "?"
    facts = [CODECS.get(one["codec"], one["codec"] or "?"), size]
    facts += [f"{one['fps']} {'images/s' if french else 'pictures/s'}"] if one["fps"] else []
    if one["fps"] and one["gop"]:
        seconds = f"{one['gop'] / one['fps']:.1f}"
        facts.append(
            f"image clé toutes les {seconds.replace('.', ',')} s" if french else f"key picture every {seconds} s"
        )
    facts += [f"{one['kbps']} kbit/s"] if one["kbps"] else []
    return f"{role:<9} {', '.join(facts)}\n            {one['url']}"


def set_password(file: Path, name: str, address: str, language: Language, *, secret: Ask = typed_secret) -> int:
    """Change a camera's password at the camera and in the file of secrets; returns 0 when both have it.

    Raises PasswordInDoubt when neither side could be made sure of: the next run finds out.
    """
    site = load_site(file)
    camera = next((one for one in site.camera if one.id == name), None)
    if camera is None:
        raise NoSuchCamera(camera=name[:64])
    place = address or onvif_address(camera)
    held = SecretsFile(secrets_file(site, file))
    french = language == "fr"
    known = load_credentials(site.model_copy(update={"secrets": held.file if held.file.exists() else None}))
    if name not in known:
        raise PasswordUnknown(camera=name, file=str(held.file))
    if settle(site, held, known, place) == name:
        print(f"{name}{' : ' if french else ': '}" + _done(language))
        return 0
    old = known[name]
    new = secret(f"Nouveau mot de passe de {name} : " if french else f"New password of {name}: ")
    if new != secret("Encore une fois : " if french else "Once more: "):
        raise PasswordsDiffer
    check_new(old.user, new)
    account = Credentials(user=old.user, password=new)
    held.intend(name, account)
    try:
        _ = _asked(
            site,
            "password",
            address=place,
            user=old.user,
            password=old.password,
            new=new,
            stream=camera.main,
            fingerprint=camera.fingerprint or "",
        )
    except InputsRefused as error:
        if error.facts["refusal"] != PasswordInDoubt.code:
            held.forget()  # the camera has the old one, for sure
        raise
    held.commit(name, account, known)
    print(f"{name}{' : ' if french else ': '}" + _done(language))
    return 0


def _done(language: Language) -> str:
    return (
        "nouveau mot de passe, essayé et écrit. L'enregistrement le prend à son prochain démarrage : "
        "systemctl restart appliance-recorder"
        if language == "fr"
        else "new password, tried and written. The recorder takes it when it starts next: "
        "systemctl restart appliance-recorder"
    )


def settle(site: Site, held: SecretsFile, known: dict[str, Credentials], place: str) -> str | None:
    """Ends a change that was interrupted. The camera whose new password is now written, or None.

    Raises PasswordInDoubt when neither opens, and what keeps the camera from being asked. Nothing is lost then.
    """
    found = held.pending()
    if found is None:
        return None
    name, account = found
    camera = next((one for one in site.camera if one.id == name), None)
    if camera is None or name not in known:
        held.forget()  # a camera that the site has no more
        return None
    where = place if private_host(place) == private_host(onvif_address(camera)) else onvif_address(camera)
    if _asked(site, "login", address=where, user=account.user, password=account.password)["opens"]:
        held.commit(name, account, known)
        known[name] = account
        return name
    old = known[name]
    if not _asked(site, "login", address=where, user=old.user, password=old.password)["opens"]:
        raise PasswordInDoubt
    held.forget()
    return None


def private_host(address: str) -> str:
    """The machine of an address."""
    return address.rpartition("//")[2].partition("/")[0].partition(":")[0]


def onvif_address(camera: CameraSettings) -> str:
    """Where a camera of the site is asked when nobody says otherwise: its own machine. Raises CameraAddressUnknown."""
    host = urlsplit(camera.main).hostname or ""
    try:
        return private(host)
    except ApplianceError as error:
        raise CameraAddressUnknown(camera=camera.id) from error
