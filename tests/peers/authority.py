"""An authority of a département as openssl makes one: a root, and an issuing one that may sign its own names only."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

NAMES: Final = "permitted;DNS:zola.exemple.fr"
"""What the issuing authority may sign for (RFC 5280 section 4.2.1.10)."""

ISSUING: Final = ("basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign")
SERVER: Final = ("basicConstraints=critical,CA:FALSE", "keyUsage=critical,digitalSignature")


class Authority:
    """`root` and `issuing`: PEM files; `pem`: of the issuing one."""

    def __init__(self, folder: Path, bits: int = 0, names: str = NAMES) -> None:
        """`bits`: of an RSA key of the issuing authority, 0: P-256."""
        folder.mkdir()
        self.folder = folder
        self.root, self.issuing = folder / "root.pem", folder / "issuing.pem"
        _run("req", "-x509", *_key(folder / "root.key", 0), "-days", "3650", "-subj", "/CN=Racine", "-out", self.root)
        _run(
            "req", "-new", *_key(folder / "issuing.key", bits), "-subj", "/CN=Autorite", "-out", folder / "issuing.csr"
        )
        extensions = (*ISSUING, f"nameConstraints=critical,{names}", "subjectKeyIdentifier=hash")
        self._sign(folder / "issuing.csr", "root", extensions, 1800, self.issuing)
        self.pem = self.issuing.read_text(encoding="ascii")

    def sign(
        self, request: str, name: str, days: int = 90, uses: str = "serverAuth", extensions: Sequence[str] = SERVER
    ) -> str:
        """A certificate for a request. `name`: "" for none beside the subject's."""
        asked, made = self.folder / "asked.csr", self.folder / "made.pem"
        asked.write_text(request, encoding="ascii")
        named = [f"subjectAltName=DNS:{name}"] if name else []
        self._sign(asked, "issuing", (*extensions, f"extendedKeyUsage={uses}", *named), days, made)
        return made.read_text(encoding="ascii")

    def below(self, request: str, name: str) -> str:
        """A certificate, and an authority that the issuing one must not have: its path length is 0."""
        folder = self.folder
        _run("req", "-new", *_key(folder / "below.key", 0), "-subj", "/CN=Dessous", "-out", folder / "below.csr")
        self._sign(folder / "below.csr", "issuing", ISSUING, 90, folder / "below.pem")
        asked, made = folder / "asked.csr", folder / "made.pem"
        asked.write_text(request, encoding="ascii")
        self._sign(asked, "below", (*SERVER, f"subjectAltName=DNS:{name}"), 30, made)
        return made.read_text(encoding="ascii") + (folder / "below.pem").read_text(encoding="ascii") + self.pem

    def _sign(self, request: Path, by: str, extensions: Sequence[str], days: int, out: Path) -> None:
        wanted = self.folder / "extensions"
        wanted.write_text("\n".join(extensions), encoding="ascii")
        signer = ("-CA", self.folder / f"{by}.pem", "-CAkey", self.folder / f"{by}.key", "-CAcreateserial")
        _run("x509", "-req", "-in", request, *signer, "-days", str(days), "-extfile", wanted, "-sha256", "-out", out)


def _key(file: Path, bits: int) -> list[str | Path]:
    kind = ["rsa:" + str(bits)] if bits else ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    return ["-newkey", *kind, "-noenc", "-keyout", file]


def _run(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
