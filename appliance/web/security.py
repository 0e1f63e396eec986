"""What every response and request must have: strict headers, one host, own site.

Sources: OWASP secure headers; Fetch metadata (W3C); RFC 6454. Without encryption DNS rebinding is stopped by the Host
check, since a rebound name reaches 127.0.0.1 with its own name in Host. With it the certificate is not that name's, and
the session's `__Host-` cookie goes to the very host that set it alone; the appliance has whatever address the site gave
it.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from appliance.web.errors import CrossSite, ForeignHost, NotLoopback
from appliance.web.problem import problem_response

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
    "connect-src 'self'; font-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html"
)

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}

LOOPBACK_NAMES: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_READING: Final = frozenset({"GET", "HEAD"})
_PORTS: Final = {"http": ":80", "https": ":443"}  # not written in an origin (RFC 6454 section 6.2)
_OWN: Final = frozenset({"same-origin", "none"})  # "none": typed by the person


def check_bind(host: str) -> None:
    """Raise NotLoopback unless `host` can be reached from this machine only."""
    if host == "localhost":
        return
    try:
        if ip_address(host).is_loopback:
            return
    except ValueError:
        pass
    raise NotLoopback(host=host)


def loopback_host(host: str) -> bool:
    """True for a Host header (RFC 9110 section 7.2) that names the loopback, with or without a port."""
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "0"
    return name.lower() in LOOPBACK_NAMES and port.isascii() and port.isdigit()


def own_change(sites: Sequence[str], origins: Sequence[str], host: str, *, secure: bool) -> bool:
    """Does a change come from the appliance's own page? Pure. `sites`, `origins`: every Sec-Fetch-Site and Origin.

    Browsers say where a request comes from by Sec-Fetch-Site; those before 2023 by Origin alone, which must then be
    this very scheme, host and port. Whoever says neither, or one of them twice, is refused.
    """
    if sites:
        return len(sites) == 1 and sites[0] in _OWN
    scheme = "https" if secure else "http"
    own = host.lower().removesuffix(_PORTS[scheme])
    return len(origins) == 1 and bool(own) and origins[0].lower() == f"{scheme}://{own}"


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign hosts and cross-site changes; the refusals carry the same headers as the rest."""
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not (request.secure or loopback_host(hosts[0])):
        return problem_response(ForeignHost(port=_port(request)))
    if request.method not in _READING:
        sites, origins = request.headers.getall("Sec-Fetch-Site", []), request.headers.getall("Origin", [])
        if not own_change(sites, origins, hosts[0], secure=request.secure):
            return problem_response(CrossSite())
    return await handler(request)


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """on_response_prepare: every response, streamed and refused ones too."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.setdefault("Cache-Control", "no-store")
    del response.headers["Server"]


def _port(request: web.Request) -> int:
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    return int(name[1]) if isinstance(name, tuple) else 80
