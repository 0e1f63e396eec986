"""An authority that a browser of ours knows, as a site's computers know the département's: in its own NSS store."""

import subprocess
from pathlib import Path

from tests.peers.authority import Authority
from tests.peers.need import need


def trusted(folder: Path, name: str) -> tuple[Path, dict[str, str]]:
    """(key and chain for a DNS name, the environment of a browser that trusts the root). The issuing authority may
    sign for names beside this one only. Blocks.
    """
    need("openssl")
    authority = Authority(folder / "authority", names=f"permitted;DNS:{name.partition('.')[2]}")
    key = folder / "page.key"
    fresh = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", str(key))
    request = _run("openssl", "req", "-new", *fresh, "-subj", "/CN=page")
    served = folder / "page.pem"
    chain = authority.sign(request, name) + authority.pem
    served.write_text(key.read_text(encoding="ascii") + chain, encoding="ascii")
    return served, trusting(folder / "home", authority.root)


def trusting(home: Path, root: Path) -> dict[str, str]:
    """The environment of a browser whose user trusts this authority for pages. Blocks."""
    need("certutil")
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    _run("certutil", "-N", "--empty-password", "-d", f"sql:{store}")
    _run("certutil", "-A", "-d", f"sql:{store}", "-t", "C,,", "-n", "racine", "-i", str(root))
    return of_home(home)


def of_home(home: Path) -> dict[str, str]:
    """The environment of a browser that has this home."""
    return {"HOME": str(home), "XDG_DATA_HOME": str(home / ".local" / "share")}


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
