"""An authority that a browser of ours knows, as a site's computers know the département's: in its own NSS store."""

import subprocess
from pathlib import Path
from typing import Final

from tests.peers.need import need

DAYS: Final = "90"


def trusted(folder: Path, name: str) -> tuple[Path, dict[str, str]]:
    """(key and certificate for a DNS name, the environment of a browser that trusts their authority). Blocks."""
    need("certutil", "openssl")
    home, root, key = folder / "home", folder / "root.pem", folder / "root.key"
    _run("openssl", "req", "-x509", *_fresh(key), "-days", DAYS, "-subj", "/CN=Autorite", "-out", str(root))
    leaf, leaf_key, served = folder / "leaf.pem", folder / "leaf.key", folder / "served.pem"
    _run(
        "openssl", "req", "-x509", *_fresh(leaf_key), "-days", DAYS, "-subj", f"/CN={name}",
        "-CA", str(root), "-CAkey", str(key), "-addext", f"subjectAltName=DNS:{name}",
        "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth", "-out", str(leaf),
    )  # fmt: skip
    served.write_bytes(leaf_key.read_bytes() + leaf.read_bytes())
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    _run("certutil", "-N", "--empty-password", "-d", f"sql:{store}")
    _run("certutil", "-A", "-d", f"sql:{store}", "-t", "C,,", "-n", "autorite", "-i", str(root))
    return served, {"HOME": str(home), "XDG_DATA_HOME": str(home / ".local" / "share")}


def _fresh(key: Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", str(key)]


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
