"""packages.lock: what it holds, what it refuses, what it says of changes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuild.lock import Lock, Package, difference, installed, not_there, why_stopped
from imagebuild.rootfs import Source, asked, include, make_tree
from imagebuild.words import BuildStopped

NAMES = st.text("abcdefgh0123456789+.-", min_size=2, max_size=12).map(lambda name: f"p{name}")
VERSIONS = st.text("0123456789abz.+~:-", min_size=1, max_size=12).map(lambda version: f"1{version}")
HASHES = st.sampled_from([digit * 64 for digit in "0123456789abcdef"])
PACKAGES = st.dictionaries(NAMES, st.tuples(VERSIONS, HASHES), max_size=8).map(
    lambda found: {name: Package(name, *rest) for name, rest in found.items()}
)


@given(packages=PACKAGES)
def test_a_lock_is_read_as_it_was_written(packages: dict[str, Package]) -> None:
    lock = Lock("20261126T000000Z", packages)
    assert Lock.parse(lock.text()) == lock


def test_a_line_that_cannot_be_read_is_named() -> None:
    with pytest.raises(BuildStopped, match="line 2"):
        Lock.parse("snapshot 20261126T000000Z\nbash 5.2\n")
    with pytest.raises(BuildStopped, match="RELOCK=1"):
        Lock.parse("snapshot yesterday\n")


@given(before=PACKAGES, after=PACKAGES)
def test_the_difference_names_every_change_and_nothing_else(
    before: dict[str, Package], after: dict[str, Package]
) -> None:
    named = {line.split()[1] for line in difference(before, after)}
    assert named == {name for name in {*before, *after} if before.get(name) != after.get(name)}
    assert difference(before, before) == []


def test_what_the_mirror_no_longer_has_is_told_by_name_and_version() -> None:
    errors = "E: Version '5.2.15-2+b7' for 'bash' was not found\nE: Version '1' for 'x' was not found\n"
    assert not_there(errors) == ["bash 5.2.15-2+b7", "x 1"]


VANISHED = (
    "E: Version '5.2.15-2+b7' for 'bash' was not found\nE: setup failed: E: apt-get -o Dir::Bin::dpkg=env failed\n"
)
FETCH = "E: Failed to fetch http://{}/debian/dists/bookworm/InRelease  {}\nE: Some index files failed to download.\n"


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        (VANISHED, "no longer has bash 5.2.15-2+b7: make image RELOCK=1"),
        (
            FETCH.format("mirror.example:9", "Unable to connect to mirror.example:9:"),
            "http://mirror.example:9 does not answer",
        ),
        (FETCH.format("no.example", "Could not resolve 'no.example'"), "(Could not resolve 'no.example'): MIRROR="),
        (FETCH.format("mirror.example", "404  Not Found [IP: 192.0.2.1 80]"), "InRelease): it is being renewed"),
        ("W: GPG error: http://m bookworm InRelease: NO_PUBKEY 0E98404D386FA1D9\n", "not signed by Debian"),
        ("dpkg: error: cannot copy: No space left on device\n", "the disk is full"),
    ],
)
def test_each_way_of_a_source_to_fail_ends_in_one_sentence_that_says_what_to_do(errors: str, words: str) -> None:
    sentence = why_stopped(f"I: automatically chosen mode: root\n{errors}E: mmdebstrap failed to run\n")
    assert words in sentence
    assert "\n" not in sentence
    assert why_stopped("E: mmdebstrap failed to run\n") == ""


@pytest.mark.parametrize(
    ("errors", "words"), [(VANISHED, "no longer has bash"), ("E: what is this?\n", "what is this")]
)
def test_a_build_that_a_source_stops_ends_with_that_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errors: str, words: str
) -> None:
    """mmdebstrap played by a program that prints what the real one printed (24 s of network otherwise)."""
    program = tmp_path / "bin/mmdebstrap"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{errors}END\nexit 25\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    place = tmp_path / "rootfs"
    place.mkdir()
    with pytest.raises(BuildStopped, match=words):
        make_tree(place, ["bash"], Lock("20261126T000000Z", {}), Source(), 0)


def test_installed_packages_get_the_hash_of_that_very_version() -> None:
    status = (
        "Package: bash\nStatus: install ok installed\nVersion: 2\n\nPackage: gone\nStatus: deinstall ok config-files\n"
    )
    indexes = f"Package: bash\nVersion: 1\nSHA256: {'1' * 64}\n\nPackage: bash\nVersion: 2\nSHA256: {'2' * 64}\n"
    assert installed(status, indexes) == {"bash": Package("bash", "2", "2" * 64)}
    with pytest.raises(BuildStopped, match="bash 2"):
        installed(status, indexes[: indexes.index("\n\n")])


def test_every_package_of_the_lock_is_asked_for_by_version_but_the_kernel() -> None:
    lock = Lock(
        "20261126T000000Z",
        {
            "bash": Package("bash", "5", "0" * 64),
            "linux-image-6.1": Package("linux-image-6.1", "6", "0" * 64),
        },
    )
    assert include(["bash"], lock) == ["bash=5"]
    assert include(asked("# words\nbash dash\n\nudev\n"), None) == ["bash", "dash", "udev"]


def test_a_snapshot_a_mirror_or_the_hosts_own_sources() -> None:
    assert Source().lines() == []
    mirror = Source(mirror="http://mirror.example/debian/").lines()
    assert all("http://mirror.example/debian" in line for line in mirror)
    assert any("/debian-security bookworm-security" in line for line in mirror)
    for archive, base in (
        ("", "http://snapshot.debian.org/archive"),
        ("http://own.example/archive/", "http://own.example/archive"),
    ):
        day = Source(mirror=archive, snapshot="20261126T000000Z").lines()
        assert all("20261126T000000Z" in line and "check-valid-until=no" in line for line in day)
        assert all(f" {base}/debian" in line for line in day)
