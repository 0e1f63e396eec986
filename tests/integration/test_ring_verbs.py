"""`appliance ring status|check|rebuild|export`: on disks without a recorder, and beside one."""

import asyncio
import subprocess
import time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from appliance.cli import main
from appliance.core.clock import SimulatedClock
from appliance.media.stream import StreamKey
from appliance.ring.access.checking import check
from appliance.ring.access.offline import DiskFiles, OfflineParts, parts_of
from appliance.ring.catalog.log import CATALOG
from appliance.ring.dating.redate import Redating
from appliance.ring.disks.disk import chunk_name
from appliance.services.clock_words import instant
from appliance.services.ring_words import rebuild, sentence
from tests.peers.holding import asked, hold
from tests.peers.holding import until as ticked_until
from tests.peers.live import chain, small_clips, until
from tests.peers.need import need
from tests.peers.pictures import Camera
from tests.peers.ring_rig import SMALL, Rig

KEY = StreamKey("cour", "main")

SITE = """
secrets = "secrets.toml"
[site]
name = "Essai"
place = "Banc"
kind = "school"
[recorder]
clock = "host"
socket = "recorder.sock"
index = "index.db"
[[disk]]
path = "disk0"
[[disk]]
path = "disk1"
[[camera]]
id = "cour"
name = "Cour"
place = "banc"
main = "rtsp://127.0.0.1/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "essai"
view = "wide"
"""


async def recorded(base: Path, ticks: int = 80) -> tuple[Rig, Camera]:
    """A stream recorded up to now, so that nothing of it is too old."""
    rig = Rig(base, SimulatedClock(utc_us=time.time_ns() // 1000 - 60_000_000))
    await rig.format(disks=2, chunks=24)
    ring = rig.new()
    camera = Camera(ring.stream(KEY, "Essai"), rig.clock, size=1500)
    async with rig.running():
        camera.start()
        await rig.record(ticks, camera)
    return rig, camera


async def test_a_sound_ring_has_no_findings_also_beside_its_recorder(tmp_path: Path) -> None:
    rig, camera = await recorded(tmp_path)
    for disk in rig.disks:
        for deep in (False, True):
            checked = await asyncio.to_thread(check, disk.path, deep=deep)
            assert checked.found == []
            assert checked.closed > 2
    ring = rig.new()
    camera.sink = ring.stream(KEY, "Essai")
    async with rig.running():
        await ring.settle()
        camera.start()
        for _ in range(20):
            await rig.record(5, camera)
            assert (await asyncio.to_thread(check, rig.disks[0].path)).found == []


async def test_each_kind_of_damage_has_its_finding_in_words(tmp_path: Path) -> None:
    rig, _ = await recorded(tmp_path)
    disk = rig.disks[0].path
    files = await asyncio.to_thread(DiskFiles.at, disk)
    found = await asyncio.to_thread(files.catalog)
    payload, header, gone = found.closed[:3]

    def damage() -> None:
        for number, at in ((payload, 40_000), (header, 700)):
            path = disk / chunk_name(number)
            data = bytearray(path.read_bytes())
            data[at] ^= 1
            path.write_bytes(data)
        (disk / chunk_name(gone)).write_bytes(bytes(files.geometry.chunk_size))
        (disk / chunk_name(20)).write_bytes((disk / chunk_name(found.closed[-1])).read_bytes())

    await asyncio.to_thread(damage)
    quick = await asyncio.to_thread(check, disk)
    assert {(f.what, f.number) for f in quick.found} == {("damaged", header), ("damaged", gone), ("not-free", 20)}
    deep = await asyncio.to_thread(check, disk, deep=True)
    assert ("damaged", payload) in {(f.what, f.number) for f in deep.found}
    for finding in deep.found:
        assert str(finding.number) in sentence(finding, "fr")
        assert sentence(finding, "fr") != sentence(finding, "en")
    data = bytearray(await asyncio.to_thread((disk / CATALOG).read_bytes))
    data[500] ^= 1
    await asyncio.to_thread((disk / CATALOG).write_bytes, data)
    without = await asyncio.to_thread(check, disk)
    assert without.found[0].what == "catalogue"
    assert without.closed >= len(found.closed) - 2


async def test_the_protected_pool_is_checked_too(tmp_path: Path) -> None:
    rig = await Rig(tmp_path).format(disks=1, chunks=24, protected=6)
    rig.new()
    camera = rig.camera(size=2500)
    async with rig.running():
        camera.start()
        await rig.record(30, camera)
        kept = await hold(rig, asked(rig, last_s=10))
        await ticked_until(rig, lambda: kept.state == "complete")
    disk = rig.disks[0].path
    whole = await asyncio.to_thread(check, disk, deep=True)
    assert whole.found == []
    assert whole.pool >= 3
    used = [n for n in range(18, 24) if any((await asyncio.to_thread((disk / chunk_name(n)).read_bytes))[:4096])]

    def damage() -> None:
        payload, header, stray = used[:3]
        for number, at in ((payload, 40_000), (header, 700)):
            data = bytearray((disk / chunk_name(number)).read_bytes())
            data[at] ^= 1
            (disk / chunk_name(number)).write_bytes(data)
        closed = DiskFiles.at(disk).catalog().closed[0]
        (disk / chunk_name(stray)).write_bytes((disk / chunk_name(closed)).read_bytes())

    await asyncio.to_thread(damage)
    quick = await asyncio.to_thread(check, disk)
    assert {(f.what, f.number) for f in quick.found} == {("damaged", used[1]), ("other", used[2])}
    deep = await asyncio.to_thread(check, disk, deep=True)
    assert {(f.what, f.number) for f in deep.found} == {("damaged", used[0]), ("damaged", used[1]), ("other", used[2])}


async def test_closed_files_are_read_by_the_catalogue_alone(tmp_path: Path) -> None:
    rig, _ = await recorded(tmp_path)
    (tmp_path / "index.db").unlink()
    now = rig.clock.utc_us()
    none = Redating()
    found = [await asyncio.to_thread(parts_of, d.path, KEY, 0, now, none) for d in rig.disks]
    sequences = sorted(part.sequence for told in found for _, parts in told.chunks for part in parts)
    assert sequences == list(range(1, len(sequences) + 1))
    assert len(sequences) > 60
    other = await asyncio.to_thread(parts_of, rig.disks[0].path, StreamKey("other", "main"), 0, now, none)
    assert other == OfflineParts([], set())


def test_the_verbs_say_what_they_find_and_their_exit_code_means_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    rig, _ = asyncio.run(recorded(tmp_path))
    site = tmp_path / "site.toml"
    site.write_text(SITE, encoding="utf-8")
    assert main(["ring", "check", "--site", str(site), "--deep"]) == 0
    assert "0 défaut" in capsys.readouterr().out
    assert main(["ring", "status", "--site", str(site)]) == 1
    told = capsys.readouterr().out
    assert "ne répond pas" in told
    assert "fichiers d'images complets" in told
    assert main(["ring", "rebuild", "--site", str(site)]) == 0
    assert not (tmp_path / "index.db").exists()
    capsys.readouterr()
    start, end = (minute(rig.clock.utc_us() + shift) for shift in (-120_000_000, 60_000_000))
    out = tmp_path / "out"
    asked = ["ring", "export", "--site", str(site), "--camera", "cour", "--from", start, "--to", end]
    assert main([*asked, "--out", str(out)]) == 0
    (file,) = out.glob("*.mp4")
    assert file.stat().st_size > 500_000
    assert str(file) in capsys.readouterr().out
    assert main([*asked[:7], "2020-01-01", "--to", "2020-01-02", "--out", str(out)]) == 3
    assert "Aucune image" in capsys.readouterr().err
    first = tmp_path / "disk0" / chunk_name(0)
    first.write_bytes(bytes(first.stat().st_size))
    assert main(["ring", "check", "--site", str(site)]) == 1
    assert "fichier 0" in capsys.readouterr().out


def test_a_foreign_disk_is_read_before_it_is_taken_over_and_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    rig, camera = asyncio.run(recorded(tmp_path / "old"))
    box = tmp_path / "new"
    box.mkdir()
    (box / "site.toml").write_text(SITE, encoding="utf-8")
    disk = rig.disks[0].path
    before = {file: file.read_bytes() for file in sorted(disk.rglob("*")) if file.is_file()}
    start, end = (minute(rig.clock.utc_us() + shift) for shift in (-120_000_000, 60_000_000))
    asked = ["ring", "export", "--site", str(box / "site.toml"), "--camera", "cour", "--from", start, "--to", end]
    assert main([*asked, "--out", str(tmp_path / "out"), "--disk", str(disk)]) == 0
    assert "lu sans y écrire" in capsys.readouterr().out
    (file,) = (tmp_path / "out").glob("*.mp4")
    need("ffprobe")
    probe = ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0"]
    counted = subprocess.run([*probe, str(file)], capture_output=True, text=True, check=True)
    whole = {data for data in camera.sent if data in before[disk / chunk_name(0)]}
    assert int(counted.stdout.strip().strip(",")) >= len(whole) > 50
    assert {file: file.read_bytes() for file in sorted(disk.rglob("*")) if file.is_file()} == before
    asked[6:9] = ["--from", "2020-01-01", "--to"]
    assert main([*asked[:9], "2020-01-02", "--out", str(tmp_path / "out"), "--disk", str(disk)]) == 3


@pytest.mark.full
async def test_a_rebuild_beside_a_running_recorder_gives_back_the_same_footage(tmp_path: Path) -> None:
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [clips], chunks=60, geometry=SMALL) as links:
        service = await links.recorder()
        disks = [await asyncio.to_thread(DiskFiles.at, path) for path in links.disks]

        def closed() -> bool:
            return sum(len(disk.catalog().closed) for disk in disks) >= 4

        await until(closed)
        async with links.client() as client:
            to_us = int((await client.state())["now_utc_us"]) - 1_000_000

            async def footage() -> list[list[object]]:
                answer = await client.ranges("cam0", "main", to_us - 3_600_000_000, to_us)
                return [[c["disk"], c["number"], c["generation"], c["parts"]] for c in answer["chunks"]]

            before = await footage()
            assert len(before) > 2
            assert await asyncio.to_thread(rebuild, links.site, "fr") == 0
            assert (await client.state())["rebuilding"] is True
            while (await client.state())["rebuilding"]:  # noqa: ASYNC110 - no event of ours tells it
                await asyncio.sleep(0.05)
            assert await footage() == before
            now = await client.state()
            assert int(now["cameras"][0]["streams"]["main"]["durable_utc_us"]) > to_us, "recording went on"
        assert await service.stop() == 0
        assert any("made from the catalogues" in line for line in service.errors)
        assert not any(" ERROR " in line for line in service.errors)
    for path in links.disks:
        assert (await asyncio.to_thread(check, path)).found == []


def minute(utc_us: int) -> str:
    """As it is typed: the site's time."""
    return instant(utc_us, ZoneInfo("Europe/Paris"), "en").replace(" ", "T")
