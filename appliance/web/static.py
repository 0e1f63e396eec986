"""The page's files, read once at start: nothing of a request ever becomes a path on disk.

The build is a few dozen kilobytes, so each file is kept as it is and compressed (gzip, RFC 1952).
"""

import gzip
import hashlib
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

log = logging.getLogger(__name__)

CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
"""What a build may hold; a file of another kind is not served."""

LARGEST: Final = 4 << 20
"""Bytes. A build beyond this is a mistake, not a page."""

NOT_BUILT: Final = (
    b'<!doctype html><html lang="fr"><meta charset="utf-8"><title>T\xc3\xa9moin</title>'
    b"<p>La page n'est pas construite : lancez <code>python webui/build.py</code>.</p>"
    b'<p lang="en">The page is not built: run <code>python webui/build.py</code>.</p></html>'
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file of the build, ready to send."""

    body: bytes
    compressed: bytes
    content_type: str
    etag: str
    immutable: bool  # its name holds a hash of its content


FILES: Final = web.AppKey("files", dict[str, StaticFile])
"""What is served, by path."""


def load(folder: Path) -> dict[str, StaticFile]:
    """All servable files of a build by their path below it ("index.html", "assets/..."); empty when not built."""
    found: dict[str, StaticFile] = {}
    if not folder.is_dir():
        log.warning("no built page in %s", folder)
        return found
    for file in sorted(folder.rglob("*")):
        content_type = CONTENT_TYPES.get(file.suffix)
        if content_type is None or not file.is_file() or file.stat().st_size > LARGEST:
            continue
        body = file.read_bytes()
        name = file.relative_to(folder).as_posix()
        etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
        packed = gzip.compress(body, 9, mtime=0)
        found[name] = StaticFile(body, packed, content_type, etag, name.startswith("assets/"))
    return found


def nowhere(request: web.Request) -> web.Response | None:
    """404 with the page, which says in the reader's language that nothing is at this address; None where the API, or
    anything but a browser that opens a page, asks, and when nothing was built.
    """
    file = request.app.get(FILES, {}).get("index.html")
    if file is None or request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", ""):
        return None
    return web.Response(status=404, body=file.body, headers={"Content-Type": file.content_type})


def respond(request: web.Request, file: StaticFile | None) -> web.Response:
    """The file, compressed when the browser takes it, or 304; a page that says so when nothing was built."""
    if file is None:
        return web.Response(status=503, body=NOT_BUILT, content_type="text/html", charset="utf-8")
    headers = {
        "ETag": file.etag,
        "Cache-Control": "public, max-age=31536000, immutable" if file.immutable else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if request.headers.get("If-None-Match") == file.etag:
        return web.Response(status=304, headers=headers)
    headers["Content-Type"] = file.content_type
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return web.Response(body=file.compressed, headers=headers)
    return web.Response(body=file.body, headers=headers)
