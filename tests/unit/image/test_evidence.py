"""What the evidence of a build says, and what it refuses to vouch for."""

from pathlib import Path

import pytest

from imagebuild import evidence
from imagebuild.evidence import Wheel, bill, page_packages, privileged, refused, score_of, wheels_of
from imagebuild.lock import Package
from imagebuild.words import BuildStopped

PACKAGES = [Package("libc6", "2.36-9+deb12u14", "a" * 64), Package("linux-image-6.1", "6.1", "b" * 64)]


def test_every_package_is_in_the_bill_with_its_purl_and_hash() -> None:
    made = bill("0.1.0", PACKAGES, [Wheel("aiohttp", "3.14.1", "Apache-2.0")], {"@lit/x": "1.0"}, "2026-11-26")
    assert (made["bomFormat"], made["specVersion"]) == ("CycloneDX", "1.5")
    by_name = {each["name"]: each for each in made["components"]}
    assert by_name["libc6"]["purl"] == "pkg:deb/debian/libc6@2.36-9%2Bdeb12u14?arch=amd64&distro=bookworm"
    assert by_name["libc6"]["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert by_name["linux-image-6.1"]["type"] == "operating-system"
    assert by_name["aiohttp"]["purl"] == "pkg:pypi/aiohttp@3.14.1"
    assert by_name["@lit/x"]["purl"] == "pkg:npm/%40lit/x@1.0"
    assert made["metadata"]["component"]["version"] == "0.1.0"


def test_wheels_are_read_from_their_own_metadata(tmp_path: Path) -> None:
    folder = tmp_path / "Some_Thing-1.2.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: Some-Thing\nVersion: 1.2\nLicense: MIT\n\nwords\n")
    assert wheels_of(tmp_path) == [Wheel("some-thing", "1.2", "MIT")]


def test_the_page_contains_what_it_depends_on_and_not_what_built_it() -> None:
    lock = {
        "packages": {
            "": {"dependencies": {"lit": "3"}, "devDependencies": {"vite": "8"}},
            "node_modules/lit": {"version": "3.3.3", "dependencies": {"lit-html": "3"}},
            "node_modules/lit-html": {"version": "3.3.1"},
            "node_modules/vite": {"version": "8.3"},
        }
    }
    assert page_packages(lock) == {"lit": "3.3.3", "lit-html": "3.3.1"}


def test_privileged_files_and_tools_of_an_intruder_are_found(tmp_path: Path) -> None:
    for place in ("usr/bin", "usr/sbin"):
        (tmp_path / place).mkdir(parents=True)
    plain, suid = tmp_path / "usr/bin/ls", tmp_path / "usr/bin/su"
    tree = tmp_path / "at/harden/tree"
    (tree / "usr/bin").mkdir(parents=True)
    (tree / "usr/bin/gcc").touch()
    for file in (plain, suid, tmp_path / "usr/bin/gcc"):
        file.touch(mode=0o755)
    suid.chmod(0o4755)
    assert privileged(tmp_path) == ["usr/bin/su"]
    assert refused(tmp_path) == ["usr/bin/gcc"]
    with pytest.raises(BuildStopped, match="gcc"):
        evidence.write(tmp_path / "out", tmp_path / "at", None, "1", tmp_path, "")  # type: ignore[arg-type]


def test_every_unit_of_ours_is_scored_and_none_of_others(tmp_path: Path) -> None:
    folder = tmp_path / "usr/lib/systemd/system"
    folder.mkdir(parents=True)
    for name in ("appliance-web.service", "appliance-disks.service", "appliance-new.service", "chrony.service"):
        (folder / name).touch()
    found = evidence.own_units(tmp_path)
    assert found == ["appliance-disks.service", "appliance-new.service", "appliance-web.service"]


def test_a_score_is_read_or_its_absence_told() -> None:
    assert score_of("→ Overall exposure level for appliance-web.service: 1.4 OK 🙂\n") == 1.4
    with pytest.raises(BuildStopped):
        score_of("Failed to load unit")
