"""`appliance account recover` as it runs beside the page's service: the same accounts, and a journal of its own."""

import asyncio
from pathlib import Path

import pytest

from appliance.accounts.errors import NoSuchAccount
from appliance.core.clock import SimulatedClock
from appliance.services import recovery
from appliance.services.journal import journal_folder
from appliance.site.load import load_site
from tests.peers.live import SITE_CAMERA, SITE_HEADER
from tests.peers.sign_in import HOME, make_staff


def site_of(folder: Path) -> Path:
    file = folder / "site.toml"
    camera = SITE_CAMERA.format(id="hall", main="rtsp://127.0.0.1:9/", sub="")
    file.write_text(
        SITE_HEADER.replace('secrets = "secrets.toml"\n', "") + '[[disk]]\npath = "disk"\n' + camera, encoding="utf-8"
    )
    return file


def written(site: Path) -> str:
    files = journal_folder(load_site(site)).rglob("recovery*")
    return "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


async def test_it_opens_the_account_while_the_page_serves_and_writes_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimulatedClock()
    desk = await make_staff(tmp_path, clock)  # the page's service has the same file open
    monkeypatch.setattr(recovery, "answers", lambda *_: True)
    site, key = site_of(tmp_path), tmp_path / "site.toml"
    given = await recovery.open_again(site, tmp_path, key, "durand", lambda _: "", clock)
    seat = await desk.seat_of(await desk.log_in("durand", given, "", HOME))
    assert seat is not None
    assert seat.must == ("password", "second-factor")
    await desk.close()
    assert "account-recovered" in await asyncio.to_thread(written, site)


async def test_without_accounts_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(NoSuchAccount):
        await recovery.open_again(site_of(tmp_path), tmp_path, tmp_path / "k", "durand", lambda _: "", SimulatedClock())
    assert not (tmp_path / "accounts.db").exists()
