"""Stage `kernel`: the kernel and the modules that modules.allow names, with what those depend on."""

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from imagebuild.words import BuildStopped


def names(text: str) -> list[str]:
    """Module names of modules.allow, `-` and `_` alike."""
    return [name.replace("-", "_") for line in text.splitlines() if not line.startswith("#") for name in line.split()]


def dependencies(text: str) -> dict[str, list[str]]:
    """modules.dep: file -> files that must be loaded before it."""
    return {file: rest.split() for file, _, rest in (line.partition(":") for line in text.splitlines()) if file}


def module_name(file: str) -> str:
    """`kernel/drivers/ata/libahci.ko` -> `libahci`."""
    return re.sub(r"\.ko(\.\w+)?$", "", file.rpartition("/")[2]).replace("-", "_")


def closure(allowed: Iterable[str], depends: Mapping[str, list[str]]) -> set[str]:
    """Files of the allowed modules and of all that they depend on; what is built into the kernel has none."""
    wanted = set(allowed)
    left = [file for file in depends if module_name(file) in wanted]
    found: set[str] = set()
    while left:
        file = left.pop()
        if file not in found:
            found.add(file)
            left += depends.get(file, [])
    return found


def missing(allowed: Iterable[str], depends: Mapping[str, list[str]], builtin: str) -> list[str]:
    """Allowed names that this kernel has neither as a module nor built in: a typing mistake, or a module renamed."""
    known = {module_name(file) for file in depends} | {module_name(line) for line in builtin.split()}
    return sorted(set(allowed) - known)


def make_kernel(place: Path, deb: Path, allow: str) -> str:
    """`place/vmlinuz`, `place/modules/VERSION`; the version. Raises BuildStopped."""
    unpacked = place / "unpacked"
    subprocess.run(["dpkg-deb", "-x", str(deb), str(unpacked)], check=True)
    (image,) = (unpacked / "boot").glob("vmlinuz-*")
    version = image.name.removeprefix("vmlinuz-")
    (source,) = (unpacked / "lib/modules").iterdir()
    subprocess.run(["depmod", "-b", str(unpacked), version], check=True)
    depends = dependencies((source / "modules.dep").read_text(encoding="utf-8"))
    builtin = (source / "modules.builtin").read_text(encoding="utf-8")
    allowed = names(allow)
    if unknown := missing(allowed, depends, builtin):
        raise BuildStopped(f"modules.allow names what kernel {version} does not have: {', '.join(unknown)}")
    target = place / "modules/lib/modules" / version
    for file in sorted(closure(allowed, depends)):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / file, target / file)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy2(source / name, target / name)
    subprocess.run(["depmod", "-b", str(place / "modules"), version], check=True)
    image.rename(place / "vmlinuz")
    (place / "version").write_text(version, encoding="ascii")
    shutil.rmtree(unpacked)
    return version
