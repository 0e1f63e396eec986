"""packages.lock: what it holds, what it refuses, what it says of changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuild.lock import Lock, Package, difference, installed, not_there
from imagebuild.rootfs import Source, asked, include
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
    day = Source(snapshot="20261126T000000Z").lines()
    assert all("20261126T000000Z" in line and "check-valid-until=no" in line for line in day)
