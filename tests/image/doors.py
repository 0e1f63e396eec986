"""What a box answers to whoever knocks from outside: through QEMU's forwarded ports, so that silence is a refusal."""

import socket
import ssl
from dataclasses import dataclass

ANSWER_S = 15.0
"""Seconds that a box under emulation gets for a TLS handshake and a page."""

SILENT_S = 4.0
"""Seconds after which a port that says nothing is taken for one that hears nobody."""

NTP_REQUEST = b"\x23" + bytes(47)
"""Version 4, client (RFC 5905, 7.3)."""


@dataclass(frozen=True, slots=True)
class Page:
    """What port 443 showed: its certificate (PEM), the TLS version and the page."""

    certificate: str
    version: str
    text: str


def page(port: int, seconds: float = ANSWER_S) -> Page | None:
    """The page, or None when nothing answers."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # what vouches is the fingerprint
    try:
        with (
            socket.create_connection(("127.0.0.1", port), seconds) as plain,
            context.wrap_socket(plain) as secured,
        ):
            secured.sendall(b"GET / HTTP/1.1\r\nHost: temoin\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: secured.recv(65536), b"")).decode()
            found = ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"")
            return Page(found, secured.version() or "", text)
    except OSError:
        return None


def tcp_answers(port: int) -> bool:
    """Whether a plain request gets a single octet back."""
    try:
        with socket.create_connection(("127.0.0.1", port), SILENT_S) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return bool(connection.recv(1))
    except OSError:
        return False


def tells_time(port: int) -> bool:
    """Whether an NTP client is answered by a server (mode 4)."""
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.settimeout(SILENT_S)
        client.sendto(NTP_REQUEST, ("127.0.0.1", port))
        try:
            answer = client.recv(256)
        except OSError:
            return False
    return len(answer) >= 48 and answer[0] & 7 == 4
