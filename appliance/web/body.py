"""The JSON body of a change, validated strictly."""

import json
from typing import Annotated, TypeVar

from aiohttp import web
from pydantic import AfterValidator, ValidationError

from appliance.web import query
from appliance.web.errors import BadBody

B = TypeVar("B", bound=query.Strict)


def _printable(value: str) -> str:
    if not value.isprintable() or not value.strip():
        raise ValueError("letters, digits and signs on one line")
    return value.strip()


Printable = Annotated[str, AfterValidator(_printable)]
"""Text of one line, without what cannot be seen."""


async def read_body(request: web.Request, model: type[B]) -> B:
    """The JSON body as `model`. JSON alone: a form of another site cannot send it (Fetch, CORS-safelisted types)."""
    query.query(request, query.NoQuery)
    if request.content_type != "application/json":
        raise BadBody(what="application/json")
    try:
        return model.model_validate(json.loads(await request.read()))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise BadBody(what=".".join(str(step) for step in first["loc"]) + f": {first['msg']}") from None
    except (ValueError, RecursionError):
        raise BadBody(what="JSON") from None
