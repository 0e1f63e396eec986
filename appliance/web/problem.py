"""Errors as application/problem+json (RFC 9457), each with its code and a French and an English sentence."""

import json
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web
from aiohttp.typedefs import Handler

from appliance.accounts.errors import AccountError, TooManyTries
from appliance.core.errors import ApplianceError
from appliance.ring.faults import ChunkReused
from appliance.web import static
from appliance.web.errors import MethodRefused, NoLongerKept, NoSuchPage, WebError

log = logging.getLogger(__name__)

CONTENT_TYPE: Final = "application/problem+json"

_STATUS_OF_OTHERS: Final = 503
"""A named error from below (the recorder, a disk) is the service that is missing, not the request."""


class Problem(Exception):
    """An error with members of its own for the body (RFC 9457 section 3.2): the gap at an instant, say."""

    def __init__(self, error: ApplianceError, **members: object) -> None:
        super().__init__(str(error))
        self.error = error
        self.members = members


def problem_body(error: ApplianceError) -> dict[str, Any]:
    """The error as in the contract's schema Problem."""
    return {
        "type": error.kind if isinstance(error, WebError) else "about:blank",
        "title": error.sentence("en"),
        "status": error.status if isinstance(error, WebError | AccountError) else _STATUS_OF_OTHERS,
        "code": error.code,
        "fr": error.sentence("fr"),
        "en": error.sentence("en"),
    }


def problem_response(error: ApplianceError, members: Mapping[str, object] | None = None) -> web.Response:
    """The error as a response."""
    body = {**problem_body(error), **(members or {})}
    text = json.dumps(body, ensure_ascii=False).encode()
    response = web.Response(status=body["status"], body=text, content_type=CONTENT_TYPE)
    if isinstance(error, TooManyTries):
        response.headers["Retry-After"] = str(error.facts["seconds"])
    return response


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns every named error, and aiohttp's own refusals, into a problem body."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem_response(problem.error, problem.members)
    except ChunkReused:
        return problem_response(NoLongerKept())
    except ApplianceError as error:
        if not isinstance(error, WebError | AccountError):
            log.warning("%s %s: %s: %s %s", request.method, request.path, error.code, error, error.facts)
        return problem_response(error)
    except web.HTTPMethodNotAllowed as refusal:
        response = problem_response(MethodRefused())
        response.headers["Allow"] = refusal.headers.get("Allow", "GET, HEAD")
        return response
    except web.HTTPNotFound:
        return static.nowhere(request) or problem_response(NoSuchPage())
