"""Starts after each kind of end, told in the pictures and in the journal; a journal that was shortened is found out."""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from appliance import cli
from appliance.core.cause import GapCause
from appliance.core.chain import Line, journal_files, read
from appliance.media.stream import StreamKey
from appliance.ring.disks.disk import HEARTBEAT, encode_heartbeat
from appliance.services.journal import RECORDER, WEB, journal_folder
from appliance.services.last_stop import MARK_FILE, announce_update, read_heartbeat
from appliance.site.load import load_site
from tests.peers.live import Chain, Service, chain, small_clips

KEY = StreamKey("cam0", "main")


def lines(links: Chain) -> list[Line]:
    return list(read(journal_files(journal_folder(load_site(links.site)), RECORDER)))


def as_of_another_boot(links: Chain) -> None:
    """The machine went down: what is on the disks was written in an earlier boot."""
    for disk in links.disks:
        beat = read_heartbeat(disk)
        assert beat is not None
        (disk / HEARTBEAT).write_bytes(encode_heartbeat(replace(beat, boot_id="e" * 32)))


async def life(links: Chain, number: int = signal.SIGTERM) -> None:
    """Start, record a second, end."""
    service = await links.recorder()
    await links.durable(1)
    await service.stop(number)


def nothing(_: Chain) -> None:
    pass


def updated(links: Chain) -> None:
    announce_update(links.folder)


@pytest.mark.parametrize(
    ("before", "number", "after", "cause"),
    [
        pytest.param(nothing, signal.SIGTERM, nothing, GapCause.APPLIANCE_OFF, marks=pytest.mark.full),
        pytest.param(nothing, signal.SIGKILL, nothing, GapCause.APPLIANCE_OFF, marks=pytest.mark.full),
        (nothing, signal.SIGKILL, as_of_another_boot, GapCause.POWER),
        pytest.param(updated, signal.SIGTERM, nothing, GapCause.UPDATE, marks=pytest.mark.full),
    ],
    ids=["stopped", "killed", "power", "update"],
)
async def test_the_gap_before_a_start_has_its_true_cause(
    tmp_path: Path,
    before: Callable[[Chain], None],
    number: int,
    after: Callable[[Chain], None],
    cause: GapCause,
) -> None:
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [{"main": clips["main"]}]) as links:
        await asyncio.to_thread(before, links)
        await life(links, number)
        assert (tmp_path / MARK_FILE).exists() is (number == signal.SIGTERM)
        await asyncio.to_thread(after, links)
        await life(links)
        stored = (await asyncio.to_thread(links.stored))[KEY]
        causes = [part.entry.cause for part in stored if part.entry.starts_run]
        assert causes == [GapCause.NONE, cause]
        started = [line.facts for line in await asyncio.to_thread(lines, links) if line.kind == "service-started"]
        assert [facts["cause"] for facts in started] == ["APPLIANCE_OFF", cause.name]
        assert int(started[1]["seen_utc_us"]) > int(started[0]["seen_utc_us"]) == 0


@pytest.mark.full
async def test_the_disks_know_how_long_the_journal_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")
    clips = await asyncio.to_thread(small_clips)
    async with chain(tmp_path, [{"main": clips["main"]}]) as links:
        await life(links)
        verify = ["journal", "verify", str(links.site)]
        assert await asyncio.to_thread(cli.main, verify) == cli.OK
        assert "aucune ne manque" in (told := capsys.readouterr().out)
        assert "fin confirmée par 2 repère(s)" in told
        (file,) = await asyncio.to_thread(journal_files, tmp_path / "journal", RECORDER)
        whole = await asyncio.to_thread(file.read_bytes)
        kept = whole.splitlines(keepends=True)[:2]
        await asyncio.to_thread(file.write_bytes, b"".join(kept))
        assert await asyncio.to_thread(cli.main, verify) == cli.FOUND
        assert "lignes retirées à la fin (numéros 3 à" in capsys.readouterr().out
        service = await links.recorder()
        async with links.client() as client:
            faults = (await client.state())["journal"]["faults"]
        assert [fault["code"] for fault in faults] == ["journal-truncated"]
        assert "ligne 2" in faults[0]["fr"]
        await links.durable(1)
        await service.stop()
        assert "lines-missing" in [line.kind for line in await asyncio.to_thread(lines, links)]
        assert await asyncio.to_thread(cli.main, ["journal", "show", str(links.site), "--last", "30"]) == cli.OK
        shown = capsys.readouterr().out
        assert "le journal s'arrêtait à la ligne 2" in shown
        assert "cam0 (main) : enregistrement repris après : enregistreur arrêté" in shown
        assert "arrêt normal" in shown
        await asyncio.to_thread(os.remove, file)
        capsys.readouterr()
        assert await asyncio.to_thread(cli.main, verify) == cli.FOUND
        assert "lignes retirées à la fin (numéros 1 à" in capsys.readouterr().out


@pytest.mark.full  # it waits for a recorder that may have copies of its databases
async def test_the_pages_service_has_a_journal_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "page").mkdir()
    await asyncio.to_thread((tmp_path / "page" / "index.html").write_text, "<!doctype html>", encoding="utf-8")
    monkeypatch.setenv("APPLIANCE_STATIC", str(tmp_path / "page"))
    async with chain(tmp_path, []) as links:
        text = await asyncio.to_thread(links.site.read_text, encoding="utf-8")
        await asyncio.to_thread(links.site.write_text, text + CAMERA, encoding="utf-8")
        service = await Service.start("web", "--site", str(links.site), "--port", "0")
        assert await service.stop() == 0
        (file,) = await asyncio.to_thread(journal_files, tmp_path / "journal", WEB)
        kinds = [line.kind for line in await asyncio.to_thread(lambda: list(read([file])))]
        assert kinds == ["journal", "service-started", "service-stopped"]
        assert await asyncio.to_thread(cli.main, ["journal", "verify", str(links.site)]) == cli.OK


CAMERA = """
[[camera]]
id = "cam"
name = "Porte"
place = "Hall"
main = "rtsp://127.0.0.1:1/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "essai"
view = "wide"
"""
