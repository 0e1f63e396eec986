"""The process that asks cameras, and the technician's verbs through it: what is printed, in both languages."""

import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from appliance.core.clock import SystemClock
from appliance.demo.camera import SimulatedCamera
from appliance.demo.commissioning import onvif_of
from appliance.demo.discovery import DiscoveryResponder
from appliance.site.errors import SiteInvalid
from appliance.site.load import load_site, parse_site
from tests.integration.test_onvif_password import SITE
from tests.peers.live import Service, small_clips
from tests.peers.need import ROOT
from tests.peers.onvif_rig import NEW, PASSWORD, USER, simulated


async def appliance(language: str, *arguments: str, typed: str = "") -> tuple[int, str, str]:
    """Exit code, output, errors of the command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "appliance", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "LC_ALL": f"{language}.UTF-8"},
        cwd=ROOT,
    )
    out, err = await process.communicate(typed.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def site_of(folder: Path) -> Path:
    file = folder / "site.toml"
    file.write_text(SITE.format(rtsp=1) + '[recorder]\nindex = "index.db"\n', encoding="utf-8")
    (folder / "secrets.toml").touch(mode=0o600)
    (folder / "secrets.toml").write_text(f'[portail]\nuser = "{USER}"\npassword = "{PASSWORD}"\n', encoding="utf-8")
    return file


@pytest.mark.full  # a search takes 4 s, a stream that does not answer is tried for 4 s
async def test_found_asked_and_set_by_the_verbs(tmp_path: Path) -> None:
    file = await asyncio.to_thread(site_of, tmp_path)
    clock = await asyncio.to_thread(SystemClock)
    async with simulated(clock=clock) as camera, DiscoveryResponder([camera]):
        service = await Service.start("inputs", "--site", str(file))
        code, out, err = await appliance("fr_FR", "camera", "find", "--site", str(file))
        assert code == 0, err
        assert f"{camera.address:<21} Témoin Caméra simulée  (dans site.toml à cette adresse : Portail)" in out

        probe = ("camera", "probe", camera.address, "--site", str(file), "--user", USER)
        code, out, err = await appliance("fr_FR", *probe, typed=f"{PASSWORD}\n")
        assert code == 1, err
        assert "✖ Flux léger à régler : H.264, 5 à 10 images/s" in out
        assert "principal H.264, 1920 × 1080, 25 images/s, image clé toutes les 2,0 s, 4096 kbit/s" in out
        code, out, err = await appliance("en_GB", *probe, "--adjust", typed=f"{PASSWORD}\n")
        assert (code, "✔ Nothing to put right." in out) == (0, True), out + err
        pasted = out.partition("site check site.toml\n\n")[2]

        code, out, err = await appliance("en_GB", *probe, typed="faux-mot-de-passe\n")
        assert (code, out) == (3, "")
        assert "refuses this ONVIF account" in err

        words = ("camera", "set-password", "portail", "--site", str(file), "--address", camera.address)
        code, out, err = await appliance("fr_FR", *words, typed=f"{NEW}\n{NEW}\n")
        assert code == 3, out
        assert "l'ancien mot de passe a été remis" in err, "its pictures do not answer"
        assert (camera.password, PASSWORD in service.errors, NEW in service.errors) == (PASSWORD, False, False)
        assert await service.stop(signal.SIGTERM) == 0
    journal = "".join([path.read_text("utf-8") for path in (tmp_path / "journal").iterdir()])
    assert "camera-adjusted" in journal
    assert "camera-password-kept" in journal
    assert NEW not in journal
    assert PASSWORD not in journal
    await asyncio.to_thread(assert_pasted, pasted, file)


def assert_pasted(pasted: str, file: Path) -> None:
    """What the probe wrote is taken when what only people know is filled in, and asked for when it is not."""
    before = SITE.format(rtsp=1)
    filled = pasted
    for key, value in (
        ("name", "Cour"),
        ("place", "Préau"),
        ("legal_zone", "non_public"),
        ("area_type", "entrance"),
        ("purpose", "levée de doute"),
        ("view", "wide"),
    ):
        assert f'{key} = ""' in filled
        filled = filled.replace(f'{key} = ""', f'{key} = "{value}"')
    camera = parse_site(before + filled, file).camera[1]
    assert (camera.id, camera.main) == ("camera-simulee-1", "rtsp://127.0.0.1:8554/main")
    assert camera.sub == "rtsp://127.0.0.1:8554/sub"
    with pytest.raises(SiteInvalid, match="Mistakes in the file") as refused:
        parse_site(before + pasted, file)
    assert len(refused.value.problems) == 6


async def test_without_the_service_the_verbs_say_so(tmp_path: Path) -> None:
    file = await asyncio.to_thread(site_of, tmp_path)
    code, out, err = await appliance("fr_FR", "camera", "find", "--site", str(file))
    assert (code, out) == (3, "")
    assert "Le service « inputs »" in err


async def test_the_pictures_account_changes_with_the_demonstrations_camera(tmp_path: Path) -> None:
    """The demonstration's cameras, whose pictures open with what ONVIF was told: the whole change, by the verb."""
    clock = await asyncio.to_thread(SystemClock)
    clips = await asyncio.to_thread(small_clips)
    async with AsyncExitStack() as stack:
        rtsp = await stack.enter_async_context(SimulatedCamera(clips, user=USER, password=PASSWORD))
        camera = await stack.enter_async_context(onvif_of("cour", 0, rtsp, clock))
        file = await asyncio.to_thread(site_of, tmp_path)
        text = SITE.format(rtsp=rtsp.port) + '[recorder]\nindex = "index.db"\n'
        await asyncio.to_thread(file.write_text, text, "utf-8")
        service = await Service.start("inputs", "--site", str(file))
        words = ("camera", "set-password", "portail", "--site", str(file), "--address", camera.address)
        code, out, err = await appliance("fr_FR", *words, typed=f"{NEW}\n{NEW}\n")
        assert await service.stop() == 0
    assert (code, camera.password, rtsp.password) == (0, NEW, NEW), out + err
    assert NEW not in out + err
    site = await asyncio.to_thread(load_site, file)
    assert site.secrets is not None
    assert f'password = "{NEW}"' in site.secrets.read_text("utf-8")
    assert rtsp.counts.audio_setups == rtsp.counts.setups == 0
