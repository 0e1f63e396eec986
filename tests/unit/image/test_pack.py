"""What leaves the build: its sums, and accounts that nobody can log in with, the same on every day."""

import hashlib
import subprocess
from pathlib import Path

from imagebuild.harden import locked
from imagebuild.pack import sums


def test_sha256sum_itself_accepts_the_sums_and_refuses_a_changed_file(tmp_path: Path) -> None:
    files = [tmp_path / "b.raw.zst", tmp_path / "a.bmap"]
    for file in files:
        file.write_bytes(file.name.encode())
    text = sums(files)
    assert text.splitlines()[0] == f"{hashlib.sha256(b'a.bmap').hexdigest()}  a.bmap"
    (tmp_path / "SHA256SUMS").write_text(text, encoding="ascii")
    check = ["sha256sum", "--check", "--status", "SHA256SUMS"]
    assert subprocess.run(check, cwd=tmp_path, check=False).returncode == 0
    files[0].write_bytes(b"other")
    assert subprocess.run(check, cwd=tmp_path, check=False).returncode != 0


def test_nobody_has_a_password_and_the_day_of_the_build_is_not_told() -> None:
    shadow = "root:$y$j9T$x$y:20783:0:99999:7:::\nchrony:!:20790::::::\n"
    assert locked(shadow, 20_000) == "root:!*:20000:0:99999:7:::\nchrony:!*:20000::::::\n"
    assert locked(locked(shadow, 20_000), 20_000) == locked(shadow, 20_000)
