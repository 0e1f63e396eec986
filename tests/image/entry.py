"""Log-ins at a booted box from outside, as the page makes them: TLS on 443, JSON, the cookie."""

import base64
import json
import ssl
import time
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from typing import Any, Final

from appliance.accounts.totp import hotp, step_of
from appliance.core.clock import SystemClock
from appliance.core.units import US_PER_SECOND

ANSWER_S: Final = 60.0
"""Seconds that a box under emulation gets for an answer: a password's hash alone takes some of them."""

HOUR_US: Final = 3600 * US_PER_SECOND

TECHNICIAN: Final = "t.leroy"

TRIES: Final = 10
"""Pictures asked for until one comes: each waits for the process that draws it as long as the page does."""

PACE_S: Final = 1.2
"""Seconds from one picture to the next: the page's own pace is one a second, more is refused."""

OWN_PASSWORD: Final = "un mot de passe bien à moi"


@dataclass
class Visitor:
    """A browser without a page. `certificate`: PEM of the last answer; `cookie`: as a browser would send it."""

    port: int
    cookie: str = ""
    certificate: str = ""
    set_cookie: str = field(default="", repr=False)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """Status and body of one request of the page's own."""
        status, _, answer = self.fetch(method, path, body)
        return status, json.loads(answer)

    def fetch(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, str, bytes]:
        """Status, media type and body as it came."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # what vouches is the fingerprint
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=ANSWER_S, context=context)
        headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json", "Cookie": self.cookie}
        try:
            connection.connect()
            self.certificate = ssl.DER_cert_to_PEM_cert(connection.sock.getpeercert(binary_form=True) or b"")
            connection.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            self.set_cookie = answer.getheader("Set-Cookie") or ""
            if self.set_cookie:
                self.cookie = self.set_cookie.partition(";")[0]
            return answer.status, answer.getheader("Content-Type") or "", answer.read()
        finally:
            connection.close()

    def log_in(self, name: str, password: str, code: str = "") -> tuple[int, dict[str, Any]]:
        """By the page's form."""
        return self.ask("POST", "session", {"name": name, "password": password, "code": code})


def code(secret: str, steps: int = 0) -> str:
    """What the telephone shows now, or so many steps later."""
    return hotp(base64.b32decode(secret), step_of(SystemClock().utc_us()) + steps)


@dataclass(frozen=True)
class FirstLogIn:
    """What came of each step of the first manager's log-in: status and body. `secret`: of the telephone from now on."""

    stranger: tuple[int, dict[str, Any]]
    wrong: tuple[int, dict[str, Any]]
    right: tuple[int, dict[str, Any]]
    too_early: tuple[int, dict[str, Any]]
    changed: tuple[int, dict[str, Any]]
    enrolled: tuple[int, dict[str, Any]]
    state: tuple[int, dict[str, Any]]
    after: tuple[int, dict[str, Any]]
    secret: str
    set_cookie: str
    certificate: str


def first_log_in(port: int, name: str, password: str) -> FirstLogIn:
    """As the first manager does it: the office's password, one of their own, the telephone, the state; and out."""
    visitor = Visitor(port)
    stranger = visitor.ask("GET", "state")
    wrong = visitor.log_in(name, "un autre mot de passe")
    right = visitor.log_in(name, password)
    set_cookie = visitor.set_cookie
    too_early = visitor.ask("GET", "state")
    changed = visitor.ask("POST", "session/password", {"old": password, "new": OWN_PASSWORD})
    _, proposed = visitor.ask("POST", "session/second-factor", {})
    secret = str(proposed.get("secret", ""))
    enrolled = visitor.ask("POST", "session/second-factor", {"code": code(secret)})
    state = visitor.ask("GET", "state")
    visitor.ask("DELETE", "session")
    after = visitor.ask("GET", "state")
    return FirstLogIn(
        stranger, wrong, right, too_early, changed, enrolled, state, after, secret, set_cookie, visitor.certificate
    )


@dataclass(frozen=True)
class Commissioning:
    """What a technician with an account of the manager's making did at the box: status and body of each step.

    `pictures`: status, media type and bytes of each picture asked for, until one came.
    """

    made: tuple[int, dict[str, Any]]
    footage: tuple[int, dict[str, Any]]
    aim: tuple[int, dict[str, Any]]
    unvouched: tuple[int, dict[str, Any]]
    vouched: tuple[int, dict[str, Any]]
    pictures: list[tuple[int, str, bytes]]
    request: tuple[int, dict[str, Any]]


def commission(manager: Visitor, camera: str) -> Commissioning:
    """On the day of the visit: a technician vouches for the time of a box without a network's, aims a camera, and asks
    for the page's certificate.
    """
    now = SystemClock().utc_us()
    account = {"name": TECHNICIAN, "person": "T. Leroy", "function": "technicien", "role": "technician"}
    made = manager.ask("POST", "accounts", {**account, "from_us": now - HOUR_US, "until_us": now + HOUR_US})
    visitor = Visitor(manager.port)
    visitor.log_in(TECHNICIAN, made[1].get("password", ""))
    visitor.ask("POST", "session/password", {"old": made[1].get("password", ""), "new": OWN_PASSWORD})
    _, proposed = visitor.ask("POST", "session/second-factor", {})
    visitor.ask("POST", "session/second-factor", {"code": code(str(proposed.get("secret", "")))})
    footage = visitor.ask("POST", "looks", {"cameras": [camera], "reason": "doubt", "text": "pour voir"})
    aim = visitor.ask("POST", "aims", {"camera": camera})
    unvouched = visitor.ask("GET", f"cameras/{camera}/aim.jpg")
    time.sleep(PACE_S)
    vouched = visitor.ask("POST", "clock/confirm", {"shown_us": SystemClock().utc_us()})
    pictures = [visitor.fetch("GET", f"cameras/{camera}/aim.jpg")]
    while pictures[-1][0] != 200 and len(pictures) < TRIES:  # the process that draws it starts when it is first asked
        time.sleep(PACE_S)
        pictures.append(visitor.fetch("GET", f"cameras/{camera}/aim.jpg"))
    request = visitor.ask("POST", "certificate/request", {})
    return Commissioning(made, footage, aim, unvouched, vouched, pictures, request)
