"""The pure parts of the image's stages: modules, wheels, the seal's identities, the EFI program, the disk."""

import struct
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebuild import kernel, uki, wheels
from imagebuild.disk import repart
from imagebuild.seal import Sealed
from imagebuild.words import BuildStopped
from tests.peers.need import ROOT

OWN = ROOT / "image-build"
NAMES = [f"m{n}" for n in range(8)]


@given(
    depends=st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=3)),
    allowed=st.sets(st.sampled_from(NAMES)),
)
def test_allowed_modules_come_with_all_they_depend_on_and_nothing_else(
    depends: dict[str, list[str]], allowed: set[str]
) -> None:
    files = {f"kernel/{name}.ko": [f"kernel/{one}.ko" for one in depends.get(name, [])] for name in NAMES}
    found = kernel.closure(allowed, files)
    assert {f"kernel/{name}.ko" for name in allowed} <= found
    for file in found:
        assert set(files[file]) <= found
        needed = kernel.module_name(file) in allowed or any(file in files[other] for other in found)
        assert needed


def test_a_name_that_the_kernel_does_not_have_is_told() -> None:
    depends = kernel.dependencies("kernel/fs/ext4.ko: kernel/lib/crc16.ko\nkernel/lib/crc16.ko:\n")
    assert depends == {"kernel/fs/ext4.ko": ["kernel/lib/crc16.ko"], "kernel/lib/crc16.ko": []}
    wanted = kernel.names("# words\next4 loop\nsha256-ssse3 typo\n")
    assert kernel.missing(wanted, depends, "kernel/drivers/block/loop.ko\nkernel/crypto/sha256-ssse3.ko") == ["typo"]


def test_the_allow_list_has_no_module_twice_and_no_sound_radio_or_camera() -> None:
    allowed = kernel.names((OWN / "modules.allow").read_text(encoding="utf-8"))
    assert len(allowed) == len(set(allowed)) > 60
    refused = ("snd", "bluetooth", "cfg80211", "mac80211", "uvcvideo", "videodev", "firewire", "thunderbolt", "dccp")
    assert not [name for name in allowed if name.startswith(refused)]


def test_the_images_packages_are_the_products_without_node() -> None:
    text = (ROOT / ".setup/locks/run.txt").read_text(encoding="utf-8")
    names = {entry.partition("==")[0] for entry in wheels.of_image(text)}
    assert {"aiohttp", "av", "numpy", "tflite-runtime", "peewee"} <= names
    assert not any("node" in name for name in names)
    assert all("--hash=sha256:" in entry for entry in wheels.of_image(text))


def test_the_partitions_are_named_by_the_two_halves_of_the_root_hash(tmp_path: Path) -> None:
    (tmp_path / "roothash").write_text("0123456789abcdef" * 2 + "fedcba9876543210" * 2 + "\n")
    sealed = Sealed.of(tmp_path)
    assert sealed.root_uuid.replace("-", "") + sealed.verity_uuid.replace("-", "") == sealed.root_hash
    repart(tmp_path / "repart.d", sealed, tmp_path / "esp.img")
    made = {file.stem: file.read_text(encoding="utf-8") for file in (tmp_path / "repart.d").iterdir()}
    assert sorted(made) == ["00-esp", "10-root-a", "11-verity-a", "20-root-b", "21-verity-b"]
    assert f"UUID={sealed.root_uuid}" in made["10-root-a"]
    assert f"UUID={sealed.verity_uuid}" in made["11-verity-a"]
    assert "CopyBlocks" not in made["20-root-b"] + made["21-verity-b"]
    identities = [line for text in made.values() for line in text.splitlines() if line.startswith("UUID=")]
    assert len(set(identities)) == 5
    assert all(uuid.UUID(line[5:]) for line in identities)


def program(*sections: tuple[int, int], base: int = 0x140000000) -> bytes:
    """A PE file's headers: sections as (address, size)."""
    head = bytearray(0x40)
    struct.pack_into("<I", head, 0x3C, 0x40)
    optional = bytearray(240)
    struct.pack_into("<Q", optional, 24, base)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, len(optional), 0)
    rows = b"".join(b".text\0\0\0" + struct.pack("<II", size, address) + bytes(24) for address, size in sections)
    return bytes(head) + coff + bytes(optional) + rows


@given(sections=st.lists(st.tuples(st.integers(0, 1 << 24), st.integers(1, 1 << 24)), min_size=1, max_size=6))
def test_our_sections_lie_behind_all_of_the_stubs(sections: list[tuple[int, int]]) -> None:
    at = uki.last_address(program(*sections))
    end = 0x140000000 + max(address + size for address, size in sections)
    assert end <= at < end + uki.ALIGN
    assert at % uki.ALIGN == 0


def test_the_time_of_the_build_is_not_in_the_program() -> None:
    plain = program((0x1000, 0x200), (0x3000, 0x100))
    dated = bytearray(plain)
    dated[0x40 + 8 : 0x40 + 12] = b"\x65\x43\x21\x0f"
    dated[0x40 + 24 + 64 : 0x40 + 24 + 68] = b"\x11\x22\x33\x00"
    assert uki.undated(bytes(dated)) == plain
    dated[0x40 + 24 + 24] ^= 1
    assert uki.undated(bytes(dated)) != plain


def test_a_stub_that_is_no_program_is_refused() -> None:
    with pytest.raises(BuildStopped):
        uki.last_address(bytes(256))


def test_the_signed_command_line_locks_the_kernel_and_panics_on_a_changed_root() -> None:
    line = uki.command_line("ab" * 32).split()
    wanted = {"roothash=" + "ab" * 32, "ro", "lockdown=integrity", "rd.shell=0"}
    assert wanted | {"systemd.verity_root_options=panic-on-corruption", "panic=10"} <= set(line)
    assert "transparent_hugepage=madvise" in line
