"""Run by mmdebstrap when the tree is complete: notes what is installed and fetches the kernel's package.

The kernel is unpacked outside apt: it depends on a maker of initrds, and apt would bring a second one.
Arguments: the tree, the folder for facts, the kernel as NAME or NAME=VERSION.
"""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path


def main(tree: Path, facts: Path, kernel: str) -> None:
    """Raises CalledProcessError, which ends mmdebstrap."""
    lists = sorted((tree / "var/lib/apt/lists").glob("*_Packages"))
    (facts / "status").write_bytes((tree / "var/lib/dpkg/status").read_bytes())
    (facts / "indexes").write_text("\n\n".join(file.read_text(encoding="utf-8") for file in lists), encoding="utf-8")
    environment = {**os.environ, "APT_CONFIG": os.environ["MMDEBSTRAP_APT_CONFIG"], "LC_ALL": "C"}
    if "=" not in kernel:  # the metapackage names the newest
        shown = subprocess.run(
            ["apt-cache", "depends", kernel], env=environment, check=True, capture_output=True, text=True
        )
        kernel = next(line.split()[1] for line in shown.stdout.splitlines() if "Depends: linux-image-" in line)
    subprocess.run(["apt-get", "-q", "download", kernel], env=environment, check=True, cwd=facts)
    (deb,) = facts.glob("linux-image-*.deb")
    fields = ["dpkg-deb", "--show", "--showformat=${Package} ${Version}", str(deb)]
    name, version = subprocess.run(fields, check=True, capture_output=True, text=True).stdout.split()
    told = {"name": name, "version": version, "sha256": hashlib.sha256(deb.read_bytes()).hexdigest()}
    (facts / "kernel.json").write_text(json.dumps(told), encoding="utf-8")
    deb.rename(facts / "kernel.deb")


main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
