"""Disks of another appliance: looked at and not written to, then taken over by name with every date as it was."""

import asyncio
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from appliance.cli import main
from appliance.ring import small_file
from appliance.ring.access.server import serve
from appliance.ring.disks.adoption import TYPED
from appliance.ring.disks.identity import appliance_id, read_identity
from appliance.ring.faults import DiskForeign, DiskNotConfigured, DiskOwn, NameNotTyped, NoDisk
from appliance.ring.recording import Ring
from tests.peers.ring_rig import KEY, Folder, Rig, pictures
from tests.peers.sick_disk import disks_of

OLD, NEW = "a" * 32, "b" * 32


def digest(folder: Path) -> dict[str, str]:
    """Every file of a disk and its content."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


async def old_box(base: Path) -> tuple[Rig, list[bytes]]:
    """A disk that another appliance recorded on, and what its camera sent."""
    rig = await Rig(base / "old", appliance=OLD, site="Collège Pasteur").format(disks=1, chunks=24)
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
    identity = await asyncio.to_thread(read_identity, rig.disks[0].path)
    assert identity.appliance == OLD, "a disk of nobody becomes the first recorder's"
    assert ring.opened is False
    return rig, camera.sent


async def new_box(base: Path, old: Rig) -> Rig:
    """Another appliance with a disk of its own and the old one's beside it."""
    rig = await Rig(base / "new", clock=old.clock, appliance=NEW, site="Collège Curie").format(disks=1, chunks=24)
    rig.disks.append(Folder(old.disks[0].path, "4"))
    return rig


def foreign_of(ring: Ring) -> dict[str, Any]:
    found = disks_of(ring)[1]["foreign"]
    assert isinstance(found, dict)
    return found


async def test_a_foreign_disk_is_named_listed_and_never_written_to(tmp_path: Path) -> None:
    old, sent = await old_box(tmp_path)
    before = await asyncio.to_thread(digest, old.disks[0].path)
    rig = await new_box(tmp_path, old)
    ring = rig.new()
    camera = rig.camera(size=1500, seed=2)
    async with rig.running():
        camera.start()
        await rig.record(10, camera)
        await ring._members.surveyed()
        await ring.look()
        disk = disks_of(ring)[1]
        assert disk["code"] == DiskForeign.code
        assert "Collège Pasteur" in str(disk["error_fr"])
        assert "…aaaa" in str(disk["error_fr"])
        assert "baie 4" in str(disk["error_fr"])
        assert "format" not in str(disk["error_fr"]), "formatting is not offered beside adopting"
        found = foreign_of(ring)
        assert found["site"] == "Collège Pasteur"
        (stream,) = found["streams"]
        assert (stream["camera"], stream["stream"]) == ("cam", "main")
        assert stream["us"] == pytest.approx(len(sent) / 25 * 1e6, abs=0.1e6)
        assert await rig.held() == camera.sent, "its pictures are not mixed with ours"
    assert await asyncio.to_thread(digest, old.disks[0].path) == before


async def test_a_foreign_disk_is_taken_over_by_name_with_its_past_and_its_dates(tmp_path: Path) -> None:
    old, sent = await old_box(tmp_path)
    path = old.disks[0].path
    start = old.clock.utc_us() - 30 * 400_000
    rig = await new_box(tmp_path, old)
    ring = rig.new()
    served: list[str] = []
    expire = ring._members.before_serving

    async def before_serving(member: Any) -> None:
        served.append(member.uuid)
        now = rig.clock.utc_us()
        shown = [c.disk for c in await ring.ranges(KEY, 0, now)]
        assert member.uuid not in shown
        assert len(await ring.spans(KEY, 0, now)) == 1, "nothing is told before what expired is gone"
        assert expire is not None
        await expire(member)

    ring._members.before_serving = before_serving
    camera = rig.camera(size=1500, seed=2)
    async with rig.running():
        camera.start()
        await rig.record(10, camera)
        await ring._members.surveyed()
        identity = await asyncio.to_thread(read_identity, path)
        with pytest.raises(NameNotTyped, match=identity.uuid[-TYPED:]):
            await ring.adopt(path, "Collège Curie")
        with pytest.raises(DiskNotConfigured):
            await ring.adopt(tmp_path, identity.uuid[-TYPED:])
        with pytest.raises(DiskOwn):
            await ring.adopt(rig.disks[0].path, identity.uuid[-TYPED:])
        assert await asyncio.to_thread(read_identity, path) == identity
        await ring.adopt(path, "collège pasteur")
        await rig.record(20, camera)
        assert served == [identity.uuid]
        taken = await asyncio.to_thread(read_identity, path)
        assert (taken.appliance, taken.site, taken.uuid) == (NEW, "Collège Curie", identity.uuid)
        assert not any(disk["error"] for disk in disks_of(ring))
        now = rig.clock.utc_us()
        past = pictures(await ring.ranges(KEY, start, start + 30 * 400_000))
        assert past == sent, "the old pictures are where the old clock said"
        held = await rig.held()
        assert held == sent + camera.sent
        used = {chunk.disk for chunk in await ring.ranges(KEY, now - 8_000_000, now)}
        assert identity.uuid in used, "and it records"
    ring = rig.new()
    rig.camera()
    async with rig.running():
        await ring.settle()
        assert await rig.held() == sent + camera.sent


async def test_the_copy_of_a_disk_is_left_aside(tmp_path: Path) -> None:
    rig = await Rig(tmp_path, appliance=OLD).format(disks=1, chunks=24)
    copy = tmp_path / "copy"
    await asyncio.to_thread(shutil.copytree, rig.disks[0].path, copy)
    rig.disks.append(Folder(copy))
    ring = rig.new()
    camera = rig.camera(size=1500)
    async with rig.running():
        camera.start()
        await rig.record(5, camera)
        await ring.look()
        assert await rig.held() == camera.sent
        assert [disk["code"] for disk in disks_of(ring)].count("disk-twin") == 1


STEPS = ("pwrite", "fdatasync", "replace", "fsync")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
async def test_adoption_cut_at_any_step_leaves_a_disk_of_one_of_the_two(
    step: str, after: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is the old box's or the new one's, whole, and the next try goes through."""
    old, sent = await old_box(tmp_path)
    path = old.disks[0].path
    rig = await new_box(tmp_path, old)
    ring = rig.new()
    camera = rig.camera(size=1500, seed=2)

    class Cut(BaseException):
        """The power went."""

    async with rig.running():
        camera.start()
        await rig.record(3, camera)
        await ring._members.surveyed()
        with monkeypatch.context() as patch:
            owner: Any = Path if step == "replace" else small_file.os  # type: ignore[attr-defined]
            healthy = getattr(owner, step)

            def cut(*arguments: Any) -> Any:
                if after:
                    healthy(*arguments)
                raise Cut

            patch.setattr(owner, step, cut)
            with pytest.raises(Cut):
                await ring._members._opener.take_over(path, "Collège Pasteur")
        identity = await asyncio.to_thread(read_identity, path)
        assert identity.appliance == (NEW if (step, after) == ("replace", True) or step == "fsync" else OLD)
        if identity.appliance == OLD:
            await ring.adopt(path, "Collège Pasteur")
        else:
            await ring.look()
        await rig.record(12, camera)
        assert await rig.held() == sent + camera.sent


SITE = """
[site]
name = "Collège Curie"
place = "Ici"
kind = "school"

[[camera]]
id = "cam"
name = "Porte"
place = "Hall"
main = "rtsp://127.0.0.1:1/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "levée de doute"
view = "wide"

[[disk]]
path = "disk0"

[[disk]]
path = "{old}"
bay = "4"

[recorder]
socket = "recorder.sock"
index = "index.db"
"""


async def test_old_disks_are_taken_over_where_no_recorder_can_start_without_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, sent = await old_box(tmp_path)
    path = old.disks[0].path
    rig = Rig(tmp_path / "new", clock=old.clock, disks=[Folder(path)])
    site = tmp_path / "new" / "site.toml"
    await asyncio.to_thread(rig.base.mkdir)
    await asyncio.to_thread(site.write_text, SITE.format(old=path), "utf-8")
    rig.appliance = await asyncio.to_thread(appliance_id, rig.base)
    with pytest.raises(NoDisk):
        await rig.new().open()
    last = (await asyncio.to_thread(read_identity, path)).uuid[-TYPED:]
    words = ["disk", "adopt", str(path), "--site", str(site), "--take-over", last]
    assert await asyncio.to_thread(main, words) == 0, capsys.readouterr()
    ring = rig.new()
    rig.camera()
    async with rig.running():
        await ring.settle()
        assert await rig.held() == sent


async def test_what_a_technician_types(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """List, adopt, format: on a console, with a recorder that runs and without one."""
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    old, _ = await old_box(tmp_path)
    path = old.disks[0].path
    rig = await new_box(tmp_path, old)
    site = rig.base / "site.toml"
    await asyncio.to_thread(site.write_text, SITE.format(old=path), "utf-8")
    last = (await asyncio.to_thread(read_identity, path)).uuid[-TYPED:]
    rig.appliance = await asyncio.to_thread(appliance_id, rig.base)

    async def types(*words: str) -> tuple[int, str]:
        code = await asyncio.to_thread(main, [*words])
        out, err = capsys.readouterr()
        return code, out + err

    code, said = await types("disk", "list", "--site", str(site))
    assert code == 1
    assert "ne tourne pas" in said
    assert "Collège Pasteur" in said
    code, said = await types("disk", "format", str(path), "--chunks", "24", "--chunk-mib", "4")
    assert code == 3
    assert "cam (pleine définition)" in said, "shows what it would destroy"
    assert f"--destroy {last}" in said
    code, said = await types("disk", "format", str(path), "--chunks", "24", "--chunk-mib", "4", "--destroy", "oui")
    assert code == 3
    assert "ne désigne pas" in said
    code, said = await types("disk", "adopt", str(path), "--site", str(site))
    assert code == 0
    assert "Rien n'a été écrit" in said
    assert "Images du" in said
    assert "format" not in said
    ring = rig.new()
    rig.camera()
    async with rig.running():
        await ring._members.surveyed()
        server = await serve(ring, rig.base / "recorder.sock", lambda: {"cameras": [], "jobs": []})
        code, said = await types("disk", "list", "--site", str(site))
        assert code == 1
        assert "✖ Disque baie 4, disk0" in said
        assert "Images du" in said
        code, said = await types("disk", "adopt", str(path), "--site", str(site), "--take-over", last)
        assert code == 0, said
        assert "repris" in said
        code, said = await types("disk", "list", "--site", str(site))
        assert code == 0, said
        code, said = await types("disk", "format", str(path), "--chunks", "24", "--destroy", last)
        assert code == 3
        assert f"processus {os.getpid()}" in said, "not under a recorder that writes to it"
        await server.close()
    code, said = await types(
        "disk", "format", str(path), "--chunks", "6", "--chunk-mib", "4", "--site", str(site), "--destroy", last
    )
    assert code == 0, said
    made = await asyncio.to_thread(read_identity, path)
    assert (made.site, made.appliance, made.chunks) == ("Collège Curie", rig.appliance, 6)
    assert not list(path.rglob("000007.mp4")), "nothing of the former is left"
