"""Makes the lock files from pyproject.toml: one per use, with hashes, without an address.

    lock.py [USE...]             every package as it is, if pyproject.toml still allows it
    lock.py --upgrade [USE...]   every package at its newest

Each file names what it costs ("# size:"), measured by downloading and unpacking it once. The files of one
environment are constrained by the earlier ones, so that all of them fit together.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ROOT / ".setup" / "locks"

USES: dict[str, tuple[str, ...]] = {
    "run": ("", "webbuild"),
    "build": ("build-system",),
    "test": ("test",),
    "lint": ("lint",),
    "image": ("image",),
    "lock": ("lock",),
    "schema": ("schema",),
    "fuzz": ("fuzz",),
}
"""Lock file -> extras of pyproject.toml in it; "" stands for the project's own dependencies, "build-system" for
what builds the packages that are published as source only."""

CONSTRAINING = ("run", "build", "test")
"""Files whose versions the later ones share: they are installed into the same environment."""

APART = ("lock", "schema")
"""Files of environments of their own."""

FROM_SOURCE = "forbiddenfruit,systemd-python"
"""Published as source only: the first is plain Python (test), the second needs a compiler (image); all else wheels."""

LEFT_OUT = ("backports-strenum", "flatbuffers", "ml-dtypes", "protobuf", "tqdm")
"""What ai-edge-litert 2.3.0 asks for its tools and converters: its interpreter imports none of it (30 MB; a test runs
the interpreter). Dots and underscores of the names are made dashes."""

COMPILE = (
    "compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-options --no-header "
    "--no-annotate --strip-extras --allow-unsafe --no-config"
)
DOWNLOAD = f"download -q --no-deps --require-hashes --no-build-isolation --only-binary :all: --no-binary {FROM_SOURCE}"


def run_module(module: str, options: str, *arguments: str) -> None:
    """Run a module of this interpreter; stops at its failure."""
    subprocess.run([sys.executable, "-m", module, *options.split(), *arguments], check=True)


def wanted(extras: tuple[str, ...]) -> list[str]:
    """Requirements of the extras, as pyproject.toml states them."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = metadata["project"]
    groups = {"": project["dependencies"], "build-system": [*metadata["build-system"]["requires"], "wheel"]}
    groups |= project["optional-dependencies"]
    return [line for extra in extras for line in groups[extra]]


def size(lock: Path) -> str:
    """Download and unpacked size of all packages of a lock file, in MB."""
    packed = unpacked = 0
    with tempfile.TemporaryDirectory() as folder:
        run_module("pip", DOWNLOAD, "-d", folder, "-r", str(lock))
        for file in Path(folder).iterdir():
            packed += file.stat().st_size
            if file.suffix == ".whl":
                with zipfile.ZipFile(file) as wheel:
                    unpacked += sum(member.file_size for member in wheel.infolist())
    return f"{packed / 1e6:.0f} MB to download, {unpacked / 1e6:.0f} MB on the disk"


def needed(text: str) -> str:
    """The lock file's requirements without those that are left out."""
    blocks = re.findall(r"(?m)^\S.*\n(?:[ \t].*\n)*", text)
    return "".join(block for block in blocks if re.sub(r"[._]", "-", block.partition("==")[0]) not in LEFT_OUT)


def compile_lock(use: str, *options: str) -> None:
    """Write the lock file of one use."""
    lock = LOCKS / f"{use}.txt"
    order = list(USES)
    earlier = [other for other in CONSTRAINING if use not in APART and order.index(other) < order.index(use)]
    with tempfile.TemporaryDirectory() as folder:
        asked = Path(folder) / "asked.in"
        constraints = [f"-c {LOCKS / other}.txt" for other in earlier]
        asked.write_text("\n".join(wanted(USES[use]) + constraints) + "\n", encoding="utf-8")
        run_module("piptools", COMPILE, *options, "--output-file", str(lock), str(asked))
    text = needed(re.sub(r"(?m)^(#.*)?\n", "", lock.read_text(encoding="utf-8")))
    lock.write_text(text, encoding="utf-8")
    head = f"# {use}: made by `make lock` from pyproject.toml; do not edit\n# size: {size(lock)}\n"
    lock.write_text(head + text, encoding="utf-8")
    sys.stdout.write(f"{lock.relative_to(ROOT)}: {text.count('==')} packages\n")


def npm_sizes() -> None:
    """Note what the npm packages of each folder weigh, where they are installed."""
    lines = []
    for folder in ("webui", "tests/peers/node"):
        files = [
            file for file in (ROOT / folder / "node_modules").rglob("*") if file.is_file() and not file.is_symlink()
        ]
        lines.append(f"{folder} {sum(file.stat().st_size for file in files) / 1e6:.0f} MB on the disk")
    (LOCKS / "npm-sizes").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    LOCKS.mkdir(exist_ok=True)
    named = [argument for argument in sys.argv[1:] if argument in USES]
    for name in named or USES:
        compile_lock(name, *(["--upgrade"] if "--upgrade" in sys.argv[1:] else []))
    npm_sizes()
