"""What real ONVIF cameras get wrong, one by one: a simulated camera does so when it is told to."""

from dataclasses import dataclass
from typing import Literal

Login = Literal["both", "token", "digest", "digest-sha256", "basic", "none"]
"""`both`: WS-UsernameToken or HTTP Digest; `token`: old firmware, faults instead of 401; `none`: open to all."""

Bomb = Literal["", "entities", "external", "deep", "wide", "attributes", "endless", "cut", "gzip", "text"]
"""How an answer does harm: entities that multiply, one that names a file, nesting, elements or attributes without
number, a body without end, a broken document, a compressed one, none at all."""


@dataclass(frozen=True, slots=True)
class OnvifQuirks:
    """How a camera's ONVIF is odd; the defaults are a well-behaved one.

    `clock_off_s`: its clock less the truth; `no_clock`: it does not tell it. `relative`: addresses of services
    without host; `named_host`: another machine in all of its addresses; `many_addresses`: several, its own one
    last. `old`: no GetServices, SOAP 1.1 faults. `media2`: Media2 as well, which alone tells H.265;
    `hollow_media2`: announced only, each call of it a fault or an answer with nothing in it. `light`: it has a
    second profile. `slow_s`: before each answer. `no_ntp`: SetNTP is refused. `deaf`: SetUser is answered and not
    done; `late`: done after the first refusal; `mute`: done, its answer never comes; `dead`: not even done.
    `open_device`: its model is told without a password. `strangers`: answers to a search that nobody asked for come
    as well.
    """

    login: Login = "both"
    clock_off_s: float = 0.0
    no_clock: bool = False
    relative: bool = False
    named_host: str = ""
    many_addresses: bool = False
    old: bool = False
    media2: bool = False
    hollow_media2: Literal["", "fault", "empty"] = ""
    light: bool = True
    slow_s: float = 0.0
    bomb: Bomb = ""
    no_ntp: bool = False
    deaf: bool = False
    late: bool = False
    mute: bool = False
    dead: bool = False
    open_device: bool = False
    strangers: bool = False
