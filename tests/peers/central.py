"""The central team's key pair, made by openssl as the runbook has it made."""

import subprocess
from pathlib import Path


def central_pair(folder: Path) -> tuple[Path, Path]:
    """The private and the public key's files, PEM. Blocks."""
    private, public = folder / "private.pem", folder / "public.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", str(private)], check=True, timeout=30)
    subprocess.run(["openssl", "pkey", "-in", str(private), "-pubout", "-out", str(public)], check=True, timeout=30)
    return private, public
