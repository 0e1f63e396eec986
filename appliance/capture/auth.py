"""RTSP authentication: Digest (RFC 7616, with RFC 2617's forms as cameras speak them) and Basic (RFC 7617).

The strongest challenge that is understood is answered: Digest SHA-256, then Digest MD5, then Basic.
"""

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from appliance.capture.errors import CameraAuthentication, CameraAuthScheme, CameraPasswordMissing
from appliance.capture.url import Credentials

_PARAMETERS = {"realm", "nonce", "opaque", "stale", "algorithm", "qop", "domain", "charset", "userhash"}
"""Names of parameters (RFC 7616 section 3.3), which some cameras leave without a value. Any other word that has none
is a scheme, known or not."""
_STRENGTH = {"sha-256": 3, "sha-256-sess": 3, "md5": 2, "md5-sess": 2}
_TOKEN = re.compile(
    r"""([A-Za-z0-9_\-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.?)*)"?|'([^']*)'|([^\s,;"]*)))?""",
    re.VERBOSE,
)
"""A scheme, or a parameter with its value: quoted (to the end when nothing closes it), in single quotes, or plain.
No part of it can be tried in more than one way: its time is linear, whatever the camera writes."""


@dataclass(slots=True)
class Challenge:
    """One scheme a camera offers, with its parameters (names in lower case)."""

    scheme: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def algorithm(self) -> str:
        """Digest algorithm in lower case; MD5 when not said (RFC 7616 section 3.3)."""
        return self.parameters.get("algorithm", "").strip().lower().replace("sha256", "sha-256") or "md5"

    @property
    def strength(self) -> int:
        """0: not understood; higher is preferred."""
        if self.scheme == "basic":
            return 1
        if self.scheme != "digest" or "nonce" not in self.parameters:
            return 0
        qop = self.parameters.get("qop")
        if qop and "auth" not in _qop_options(qop):
            return 0
        return _STRENGTH.get(self.algorithm, 0)


def _qop_options(qop: str) -> list[str]:
    return re.split(r"[\s,;]+", qop.strip().lower())


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """All challenges of the WWW-Authenticate headers, several to a header or not."""
    challenges: list[Challenge] = []
    for header in headers:
        for name, quoted, single, plain in _TOKEN.findall(header):
            if not (quoted or single or plain) and name.lower() not in _PARAMETERS:
                challenges.append(Challenge(name.lower()))
            elif challenges:
                challenges[-1].parameters[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) or single or plain
    return challenges


class Authenticator:
    """Answers challenges for one camera; keeps the nonce and counts its uses."""

    def __init__(
        self, credentials: Credentials | None, cnonce: Callable[[], str] = lambda: secrets.token_hex(8)
    ) -> None:
        self._credentials = credentials
        self._cnonce = cnonce
        self._challenge: Challenge | None = None
        self._count = 0
        self._let_in = False

    def challenged(self, headers: Iterable[str]) -> None:
        """Take a 401. Raises CameraAuthentication when it cannot be answered or was answered already.

        A camera that refuses an answer is not asked again on this connection: cameras lock accounts after a few
        wrong passwords. Only another nonce is worth another try, and only when the camera says that the last one has
        expired (`stale`, RFC 7616 section 3.3) or has let us in with it: many renew it without a word.
        """
        if self._credentials is None:
            raise CameraPasswordMissing
        best = max(parse_challenges(headers), key=lambda challenge: challenge.strength, default=None)
        if best is None or not best.strength:
            raise CameraAuthScheme
        stale = best.parameters.get("stale", "").lower() == "true"
        before = self._challenge
        renewed = before is not None and best.parameters.get("nonce") != before.parameters.get("nonce")
        if before is not None and not (renewed and (stale or self._let_in)):
            raise CameraAuthentication
        self._challenge, self._count, self._let_in = best, 0, False

    def accepted(self) -> None:
        """A request was answered otherwise than by 401: what was sent with it is right."""
        self._let_in = self._challenge is not None

    def header(self, method: str, uri: str) -> str | None:
        """The Authorization header of a request, or None before any challenge."""
        if self._challenge is None or self._credentials is None:
            return None
        user, password = self._credentials.user, self._credentials.password
        if self._challenge.scheme == "basic":
            return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")
        self._count += 1
        return self._digest(self._challenge, user, password, method, uri)

    def _digest(self, challenge: Challenge, user: str, password: str, method: str, uri: str) -> str:
        parameters, algorithm = challenge.parameters, challenge.algorithm

        def digest(text: str) -> str:
            data = text.encode("utf-8", "surrogateescape")  # a realm in ISO 8859-1 is digested as it was sent
            if algorithm.startswith("sha-256"):
                return hashlib.sha256(data).hexdigest()
            return hashlib.md5(data, usedforsecurity=False).hexdigest()

        realm, nonce = parameters.get("realm", ""), parameters["nonce"]
        cnonce, count = self._cnonce(), f"{self._count:08x}"
        first = digest(f"{user}:{realm}:{password}")
        if algorithm.endswith("-sess"):
            first = digest(f"{first}:{nonce}:{cnonce}")
        second = digest(f"{method}:{uri}")
        with_qop = bool(parameters.get("qop"))
        middle = f"{nonce}:{count}:{cnonce}:auth" if with_qop else nonce
        fields = [
            f'username="{_quoted(user)}"',
            f'realm="{_quoted(realm)}"',
            f'nonce="{_quoted(nonce)}"',
            f'uri="{uri}"',
            f'response="{digest(f"{first}:{middle}:{second}")}"',
        ]
        if "algorithm" in parameters:
            fields.append(f"algorithm={parameters['algorithm']}")
        if "opaque" in parameters:
            fields.append(f'opaque="{_quoted(parameters["opaque"])}"')
        if with_qop or algorithm.endswith("-sess"):
            fields.append(f'cnonce="{cnonce}"')
        if with_qop:
            fields += ["qop=auth", f"nc={count}"]
        return "Digest " + ", ".join(fields)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "")
