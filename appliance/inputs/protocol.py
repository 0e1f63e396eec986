"""The socket of `inputs`: what the verbs of a technician ask. Transport and refusals are those of every service.

Verbs: `find` (who is on the camera network), `probe` (one camera), `adjust` (its light stream and time), `login` (does
an account open), `password` (another one for an account), `state`. Root and the service's own user alone may ask.
"""

from typing import Final, Literal

from pydantic import Field

from appliance.core.lines import LineRequest, checked_request

MAX_USER: Final = 64
MAX_PASSWORD: Final = 128
"""Characters, as in the file of secrets (site.model.Credentials)."""

MAX_URL: Final = 1024

FIND_S: Final = 15.0
"""Seconds a search may take at the most."""


class FindRequest(LineRequest):
    """Devices that answer within `wait_s`."""

    verb: Literal["find"]
    wait_s: float = Field(default=4.0, ge=0.1, le=FIND_S)


class _OfCamera(LineRequest):
    """One camera: what a person wrote as its address, and an account, empty for none."""

    address: str = Field(min_length=1, max_length=MAX_URL)
    user: str = Field(default="", max_length=MAX_USER)
    password: str = Field(default="", max_length=MAX_PASSWORD, repr=False)


class ProbeRequest(_OfCamera):
    """All about one camera."""

    verb: Literal["probe"]


class AdjustRequest(_OfCamera):
    """Light stream and time set, then all about it."""

    verb: Literal["adjust"]


class LoginRequest(_OfCamera):
    """Does this account open?"""

    verb: Literal["login"]


class PasswordRequest(_OfCamera):
    """Another password for this account. `stream`: the address that must open with it as well, empty for none."""

    verb: Literal["password"]
    new: str = Field(max_length=MAX_PASSWORD, repr=False)
    stream: str = Field(default="", max_length=MAX_URL)
    fingerprint: str = Field(default="", pattern="^([0-9a-f]{64})?$")


class InputsStateRequest(LineRequest):
    """How the service is."""

    verb: Literal["state"]


Request = FindRequest | ProbeRequest | AdjustRequest | LoginRequest | PasswordRequest | InputsStateRequest

_MODELS: Final[dict[str, type[Request]]] = {
    "find": FindRequest,
    "probe": ProbeRequest,
    "adjust": AdjustRequest,
    "login": LoginRequest,
    "password": PasswordRequest,
    "state": InputsStateRequest,
}


def parse_request(line: bytes) -> Request:
    """A checked request. Raises BadRequest, nothing else."""
    return checked_request(line, _MODELS)
