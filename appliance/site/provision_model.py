"""What `provision.json` may hold: a closed table; every string is refused that could leave its line in a file."""

import re
from ipaddress import IPv4Address, IPv4Interface
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from appliance.site.model import Credentials
from appliance.site.table import CameraId, Table, Words

PROVISION_MISTAKES: Final = {
    "control": (
        "un caractère invisible (fin de ligne, tabulation...) s'y trouve ; retapez la valeur",
        "an invisible character (line end, tab...) is in it; type the value again",
    ),
    "mac": (
        'écrivez l\'adresse de la carte, par exemple "52:54:00:ab:cd:ef"',
        'write the card\'s address, for example "52:54:00:ab:cd:ef"',
    ),
    "interface": (
        'écrivez une adresse avec sa longueur, par exemple "10.20.0.1/24"',
        'write an address with its length, for example "10.20.0.1/24"',
    ),
    "private": (
        "le réseau des caméras doit être privé (10.x, 172.16-31.x ou 192.168.x), de /8 à /29",
        "the camera network must be a private one (10.x, 172.16-31.x or 192.168.x), from /8 to /29",
    ),
    "address": ('écrivez une adresse, par exemple "192.168.1.1"', 'write an address, for example "192.168.1.1"'),
    "gateway": (
        "une adresse fixe demande une passerelle du même réseau",
        "a fixed address needs a gateway of the same network",
    ),
    "same-network": (
        "les caméras et le site sont sur le même réseau ; il en faut deux",
        "cameras and site are on the same network; there must be two",
    ),
    "same-card": (
        "la même carte sert deux fois ; il en faut deux",
        "the same card is named twice; two of them are needed",
    ),
    "one-site": (
        'donnez le site une fois : "site_toml" (son texte) ou "site_file" (le nom du fichier à côté)',
        'give the site once: "site_toml" (its text) or "site_file" (the name of the file beside)',
    ),
    "site-file": ("écrivez un nom de fichier sans dossier", "write a file name without a folder"),
    "pem": (
        "il faut un certificat PEM (-----BEGIN CERTIFICATE-----)",
        "a PEM certificate is needed (-----BEGIN CERTIFICATE-----)",
    ),
    "public-key": (
        "il faut une clé publique PEM (-----BEGIN PUBLIC KEY-----)",
        "a PEM public key is needed (-----BEGIN PUBLIC KEY-----)",
    ),
    "long-password": ("au moins 12 caractères", "at least 12 characters"),
}

_PUBLIC: Final = re.compile(r"\s*-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]{32,800}-----END PUBLIC KEY-----\s*")

_PEM: Final = re.compile(
    r"\s*(-----BEGIN CERTIFICATE-----\r?\n[A-Za-z0-9+/=\r\n]{64,}-----END CERTIFICATE-----\s*){1,8}"
)


def _own(name: str) -> PydanticCustomError:
    return PydanticCustomError("provision", name)  # a name of the table above, never a template


def _plain(value: str) -> str:
    if not value.isprintable():
        raise _own("control")
    return value


def _mac(value: str) -> str:
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", value.lower()):
        raise _own("mac")
    return value.lower()


def _interface(value: str) -> str:
    try:
        found = IPv4Interface(value)
    except ValueError:
        raise _own("interface") from None
    if "/" not in value or found.ip in (found.network.network_address, found.network.broadcast_address):
        raise _own("interface")
    return str(found)


def _address(value: str) -> str:
    try:
        return str(IPv4Address(value))
    except ValueError:
        raise _own("address") from None


def _pem(value: str) -> str:
    if not _PEM.fullmatch(value):
        raise _own("pem")
    return value.strip() + "\n"


def _public_key(value: str) -> str:
    if not _PUBLIC.fullmatch(value):
        raise _own("public-key")
    return value.strip() + "\n"


def _password(value: str) -> str:
    if len(value) < 12:
        raise _own("long-password")
    return value


_PRIVATE: Final = tuple(IPv4Interface(text).network for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
Mac = Annotated[str, AfterValidator(_mac)]
Interface = Annotated[str, AfterValidator(_interface)]
Address = Annotated[str, AfterValidator(_address)]
Plain = Annotated[Words, AfterValidator(_plain)]
NewPassword = Annotated[str, StringConstraints(max_length=128), AfterValidator(_plain), AfterValidator(_password)]


class CamerasNetwork(Table):
    """The camera side: the card by its MAC address, the appliance's own address with length."""

    mac: Mac
    address: Interface = "10.20.0.1/24"

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        network = IPv4Interface(self.address).network
        if not 8 <= network.prefixlen <= 29 or not any(network.subnet_of(private) for private in _PRIVATE):
            raise _own("private")
        return self


class UplinkNetwork(Table):
    """The site's network. Without `address` by DHCP; `ntp`: servers beside those that DHCP names."""

    mac: Mac
    address: Interface | None = None
    gateway: Address | None = None
    dns: tuple[Address, ...] = Field(default=(), max_length=4)
    ntp: tuple[Address, ...] = Field(default=(), max_length=8)

    @model_validator(mode="after")
    def _reachable_gateway(self) -> Self:
        if (self.address is None) != (self.gateway is None):
            raise _own("gateway")
        if self.address is not None and IPv4Address(self.gateway or 0) not in IPv4Interface(self.address).network:
            raise _own("gateway")
        return self


class Network(Table):
    """Both sides; never one network, never one card."""

    cameras: CamerasNetwork
    uplink: UplinkNetwork

    @model_validator(mode="after")
    def _are_two(self) -> Self:
        if self.cameras.mac == self.uplink.mac:
            raise _own("same-card")
        uplink = self.uplink.address
        if uplink and IPv4Interface(uplink).network.overlaps(IPv4Interface(self.cameras.address).network):
            raise _own("same-network")
        return self


class FirstAccount(Table):
    """The first manager: opened by the page's service where there is no account at all."""

    login: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,63}$")]
    name: Plain
    function: Plain
    password: NewPassword = Field(repr=False)


class CameraPassword(Credentials):
    """A camera's user and password, on one line each."""

    @model_validator(mode="after")
    def _on_one_line(self) -> Self:
        _plain(self.user)
        _plain(self.password)
        return self


def _beside(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise _own("site-file")
    return value


class Provision(Table):
    """The whole file. `cameras`: passwords by camera id; `recovery_key`: the central team's (services/recovery.py).

    No value of it is shown by `repr`.
    """

    version: Literal[1]
    site_toml: str | None = Field(default=None, repr=False)
    site_file: Annotated[str, AfterValidator(_beside)] | None = None
    network: Network
    ca_certificate: Annotated[str, AfterValidator(_pem)] | None = None
    cameras: dict[CameraId, CameraPassword] = Field(default={}, repr=False)
    first_account: FirstAccount | None = None
    recovery_key: Annotated[str, AfterValidator(_public_key)] | None = None
    enrolment_password: NewPassword | None = Field(default=None, repr=False)

    @model_validator(mode="after")
    def _names_one_site(self) -> Self:
        if (self.site_toml is None) == (self.site_file is None):
            raise _own("one-site")
        return self
