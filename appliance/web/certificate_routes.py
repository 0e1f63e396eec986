"""Routes of the page's certificate: what is served, a request for the authority, the certificate that it gave."""

from typing import Annotated, Final

from aiohttp import web
from pydantic import Field

from appliance.web import query
from appliance.web.body import Printable, read_body
from appliance.web.certificate_desk import CertificateDesk
from appliance.web.certificate_errors import CertificateUnreadable
from appliance.web.issued import LARGEST
from appliance.web.media import json_response
from appliance.web.who import account_of

DESK: Final = web.AppKey("certificate desk", CertificateDesk)

LARGEST_BODY: Final = LARGEST + (8 << 10)
"""Bytes: as JSON each line's end takes one more, of 65 characters, and the name beside."""


class CertificateBody(query.Strict):
    """What the authority gave, and what it is called: the file's name."""

    given: Annotated[Printable, Field(min_length=1, max_length=100)]
    pem: str


async def certificate(request: web.Request) -> web.StreamResponse:
    """GET certificate: what is served, and whether a request waits."""
    query.query(request, query.NoQuery)
    return json_response(await request.app[DESK].told())


async def ask_certificate(request: web.Request) -> web.StreamResponse:
    """POST certificate/request: the request to be signed. Raises CertificateNoEncryption, CertificateNotKept."""
    _ = await read_body(request, query.NoQuery)
    return json_response({"request": await request.app[DESK].request(account_of(request).name)}, status=201)


async def install_certificate(request: web.Request) -> web.StreamResponse:
    """POST certificate: what was signed, served from now on. Raises a CertificateRefused."""
    try:
        said = await read_body(request.clone(client_max_size=LARGEST_BODY), CertificateBody)
    except web.HTTPRequestEntityTooLarge:
        raise CertificateUnreadable(given="PEM") from None
    await request.app[DESK].install(account_of(request).name, said.pem, said.given)
    return json_response(await request.app[DESK].told())
