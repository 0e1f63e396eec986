"""A camera's password: changed, or as it was; never lost, at whatever instant the power goes or the camera lies."""

import asyncio
import json
import logging
import os
import stat
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from appliance.capture.errors import CameraAuthentication, CameraSilent
from appliance.cli.cameras import VERBS
from appliance.core.clock import SimulatedClock
from appliance.demo.auth import Authenticator
from appliance.demo.onvif import OnvifCamera
from appliance.demo.onvif_quirks import OnvifQuirks
from appliance.inputs.client import InputsClient
from appliance.inputs.errors import (
    InputsRefused,
    InputsUnreachable,
    OnvifError,
    OnvifPasswordRefused,
    PasswordInDoubt,
    PasswordNobodyAsked,
    PasswordNotTaken,
    PasswordStreamSeparate,
    PasswordStreamUntried,
    PasswordWeak,
)
from appliance.inputs.password import change, check_new
from appliance.inputs.server import InputsServer, Network
from appliance.services import camera_secret
from appliance.services.camera_secret import SecretsFile
from appliance.services.camera_words import set_password, settle
from appliance.services.errors import PasswordsDiffer, SecretsUnusable
from appliance.site.load import load_credentials, load_site
from appliance.site.model import Credentials
from tests.peers.onvif_rig import NEW, PASSWORD, USER, asking, simulated

OLD_ACCOUNT, NEW_ACCOUNT = Credentials(user=USER, password=PASSWORD), Credentials(user=USER, password=NEW)


async def opens_always(_password: str) -> None:
    return None


async def opens_with_the_old_one(password: str) -> None:
    if password != PASSWORD:
        raise CameraAuthentication


async def says_nothing(_password: str) -> None:
    raise CameraSilent(reason="test")


@pytest.mark.parametrize("login", ["both", "token", "digest"])
async def test_a_password_is_changed(login: Any) -> None:
    async with simulated(OnvifQuirks(login=login, open_device=True)) as camera, asking(camera) as client:
        await change(client, PASSWORD, NEW, opens_always)
        assert camera.password == NEW


@pytest.mark.parametrize(
    ("quirks", "opens", "error"),
    [
        (OnvifQuirks(deaf=True), opens_always, PasswordNotTaken),
        (OnvifQuirks(dead=True), opens_always, OnvifError),
        (OnvifQuirks(login="none"), opens_always, PasswordNobodyAsked),
        (OnvifQuirks(), opens_with_the_old_one, PasswordStreamSeparate),
        (OnvifQuirks(), says_nothing, PasswordStreamUntried),
    ],
)
async def test_what_keeps_it_leaves_the_old_one(
    quirks: OnvifQuirks, opens: Callable[[str], Any], error: type[OnvifError]
) -> None:
    async with simulated(quirks) as camera, asking(camera, call_s=1.0) as client:
        with pytest.raises(error):
            await change(client, PASSWORD, NEW, opens, pause_s=0)
        assert camera.password == PASSWORD


async def test_a_camera_that_takes_it_a_moment_later() -> None:
    async with simulated(OnvifQuirks(late=True)) as camera, asking(camera) as client:
        await change(client, PASSWORD, NEW, opens_always, pause_s=0)
        assert camera.password == NEW
        assert camera.counts.wrong == 1


async def test_a_wrong_old_password_changes_nothing() -> None:
    async with simulated() as camera, asking(camera, "faux-mot-de-passe") as client:
        with pytest.raises(OnvifPasswordRefused):
            await change(client, "faux-mot-de-passe", NEW, opens_always)
        assert "SetUser" not in camera.counts.calls


async def test_an_answer_that_never_comes_is_found_out_by_a_login() -> None:
    async with simulated(OnvifQuirks(mute=True)) as camera, asking(camera, call_s=1.0) as client:
        await change(client, PASSWORD, NEW, opens_always)
        assert camera.password == NEW


async def test_a_camera_that_falls_silent_for_good_leaves_it_in_doubt() -> None:
    async with simulated() as camera, asking(camera, call_s=0.3) as client:
        done = camera._do_SetUser

        def last_word(body: str) -> str | None:
            done(body)
            camera.quirks = OnvifQuirks(slow_s=30)
            return None

        camera._do_SetUser = last_word  # type: ignore[method-assign]
        with pytest.raises(PasswordInDoubt) as doubt:
            await change(client, PASSWORD, NEW, opens_always)
        assert isinstance(doubt.value.__cause__, OnvifError)
        assert not isinstance(doubt.value.__cause__, PasswordInDoubt)


@pytest.mark.parametrize("new", ["court", "x" * 33, "accentué-et-long", " blanc-au-bord-", "deux\nlignes-ici", USER])
def test_a_password_that_cameras_would_mangle_is_refused(new: str) -> None:
    with pytest.raises(PasswordWeak):
        check_new(USER, new)


# the file of secrets


def make(folder: Path) -> SecretsFile:
    held = SecretsFile(folder / "cameras.toml")
    held.file.write_text(
        f'[portail]\nuser = "{USER}"\npassword = "{PASSWORD}"\n[cour]\nuser = "a"\npassword = "b\\"c"\n', "utf-8"
    )
    held.file.chmod(0o600)
    return held


KNOWN = {"portail": OLD_ACCOUNT, "cour": Credentials(user="a", password='b"c')}


class PowerCut(BaseException):
    """Nothing runs after it."""


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int) -> Callable[[], int]:
    """The power goes before the `number`-th touch of the disk; returns a count of touches."""
    done = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def touch(*args: Any, **kwargs: Any) -> Any:
            nonlocal done
            done += 1
            if done == number:
                raise PowerCut
            return real(*args, **kwargs)

        return touch

    for owner, name in (
        (os, "open"),
        (os, "fsync"),
        (Path, "replace"),
        (Path, "unlink"),
        (camera_secret, "_written"),
    ):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return lambda: done


def passwords(held: SecretsFile) -> set[str]:
    """All that a technician could still find."""
    kept = {account["password"] for account in tomllib.loads(held.file.read_text("utf-8")).values()}
    found = held.pending()
    return kept | ({found[1].password} if found else set())


def test_at_each_instant_a_power_cut_leaves_the_cameras_password_written(tmp_path: Path) -> None:
    """The camera takes the new one between `intend` and `commit`: from there on it must be in one of both files."""
    number = 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        held = make(folder)
        camera_has = PASSWORD
        with pytest.MonkeyPatch.context() as patch:
            touches = cut_at(patch, number)
            try:
                held.intend("portail", NEW_ACCOUNT)
                camera_has = NEW
                held.commit("portail", NEW_ACCOUNT, KNOWN)
            except PowerCut:
                pass
            ended = touches() < number
        assert camera_has in passwords(held), number
        assert 'b"c' in passwords(held), "another camera's"
        for file in folder.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        if ended:
            break
    assert number > 10
    assert passwords(held) == {NEW, 'b"c'}
    assert held.pending() is None


def test_a_note_that_was_half_written_says_nothing_and_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    held = make(tmp_path)
    for text in ("", "[portail]\nuser =", "[portail]\nuser = 3\n", "\xff"):
        held.note.write_bytes(text.encode("latin-1"))
        assert held.pending() is None
    with pytest.raises(SecretsUnusable):
        SecretsFile(tmp_path / "nowhere/cameras.toml").intend("portail", NEW_ACCOUNT)


# the verb, through the socket


SITE = """
secrets = "secrets.toml"
[site]
name = "Essai"
place = "Ici"
kind = "office"
[[camera]]
id = "portail"
name = "Portail"
place = "Entrée"
main = "rtsp://127.0.0.1:{rtsp}/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "levée de doute"
view = "wide"
[[disk]]
path = "disk"
[inputs]
socket = "inputs.sock"
interface = "lo"
"""


class Rtsp:
    """A stream behind Digest, no more of it than a login needs."""

    def __init__(self, camera: OnvifCamera) -> None:
        self.camera = camera
        self.port = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        auth = Authenticator("digest")
        sdp = b"v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t\r\n"
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                fields = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
                given = fields.get("Authorization")
                right = auth.accepts(head[0].split(" ")[0], given, self.camera.user, self.camera.password)
                word = "200 OK" if right else "401 Unauthorized"
                lines = [f"RTSP/1.0 {word}", f"CSeq: {fields['CSeq']}"]
                lines += [] if right else [f"WWW-Authenticate: {one}" for one in auth.challenges()]
                lines += ["Content-Type: application/sdp", f"Content-Length: {len(sdp)}"] if right else []
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + (sdp if right else b""))
        except (EOFError, ConnectionError):
            writer.close()


@asynccontextmanager
async def served(folder: Path, quirks: OnvifQuirks | None = None) -> AsyncIterator[tuple[Path, OnvifCamera]]:
    """A site file, its secrets, a camera, the service on its socket."""
    entered: list[tuple[str, Any]] = []
    async with simulated(quirks) as camera, Rtsp(camera) as rtsp:
        file = folder / "site.toml"
        await asyncio.to_thread(file.write_text, SITE.format(rtsp=rtsp.port), "utf-8")
        secrets = folder / "secrets.toml"
        await asyncio.to_thread(secrets.write_text, f'[portail]\nuser = "{USER}"\npassword = "{PASSWORD}"\n', "utf-8")
        await asyncio.to_thread(secrets.chmod, 0o600)

        def tell(kind: str, facts: Any) -> bool:
            entered.append((kind, dict(facts)))
            return True

        server = InputsServer(Network("lo", call_s=2.0), SimulatedClock(), tell=tell)
        await server.start(folder / "inputs.sock")
        try:
            yield file, camera
        finally:
            await server.close()
            assert NEW not in json.dumps(entered)
            assert PASSWORD not in json.dumps(entered)


def answers(*typed: str) -> Callable[[str], str]:
    left = list(typed)
    return lambda _question: left.pop(0)


async def test_the_verb_changes_both_sides_and_shows_no_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with served(tmp_path) as (file, camera):
        done = await asyncio.to_thread(set_password, file, "portail", camera.address, "fr", secret=answers(NEW, NEW))
        assert (done, camera.password) == (0, NEW)
        site = await asyncio.to_thread(load_site, file)
        held = await asyncio.to_thread(load_credentials, site)
        assert held["portail"].password == NEW
    assert not (tmp_path / "secrets.toml.pending").exists()
    told = capsys.readouterr()
    for secret in (NEW, PASSWORD):
        assert secret not in told.out + told.err + caplog.text
    assert "essayé et écrit" in told.out


@pytest.mark.full
async def test_typed_twice_and_a_refusal_leaves_all_as_it_was(tmp_path: Path) -> None:
    async with served(tmp_path, OnvifQuirks(deaf=True)) as (file, camera):
        before = (tmp_path / "secrets.toml").read_bytes()
        with pytest.raises(PasswordsDiffer):
            await asyncio.to_thread(set_password, file, "portail", camera.address, "en", secret=answers(NEW, NEW + "x"))
        with pytest.raises(InputsRefused, match="does not open with the new password"):
            await asyncio.to_thread(set_password, file, "portail", camera.address, "en", secret=answers(NEW, NEW))
        assert (tmp_path / "secrets.toml").read_bytes() == before
        assert not (tmp_path / "secrets.toml.pending").exists()


def pick_up(file: Path, address: str) -> str | None:
    """What the verb does first; blocks."""
    site = load_site(file)
    return settle(site, SecretsFile(file.parent / "secrets.toml"), load_credentials(site), address)


def interrupted(file: Path) -> None:
    """A change that went no further than its note."""
    SecretsFile(file.parent / "secrets.toml").intend("portail", NEW_ACCOUNT)


def left(file: Path) -> tuple[str, object]:
    """The written password and the note."""
    return load_credentials(load_site(file))["portail"].password, SecretsFile(file.parent / "secrets.toml").pending()


@pytest.mark.parametrize("taken", [True, False])
async def test_a_change_that_was_cut_off_is_ended_by_the_next_run(tmp_path: Path, taken: bool) -> None:
    async with served(tmp_path) as (file, camera):
        await asyncio.to_thread(interrupted, file)
        if taken:
            camera.password = NEW
        ended = await asyncio.to_thread(pick_up, file, camera.address)
        assert ended == ("portail" if taken else None)
        assert await asyncio.to_thread(left, file) == (camera.password, None)


async def test_a_cut_off_change_waits_until_the_camera_can_tell(tmp_path: Path) -> None:
    async with served(tmp_path) as (file, camera):
        await asyncio.to_thread(interrupted, file)
        camera.password = "une-troisieme-chose"
        with pytest.raises(PasswordInDoubt):
            await asyncio.to_thread(pick_up, file, camera.address)
        await camera.stop()
        with pytest.raises(InputsRefused):
            await asyncio.to_thread(pick_up, file, camera.address)
    with pytest.raises(InputsUnreachable):
        await asyncio.to_thread(pick_up, file, camera.address)
    assert await asyncio.to_thread(left, file) == (PASSWORD, ("portail", NEW_ACCOUNT))


async def test_the_socket_tells_and_refuses_in_words(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, camera), InputsClient(tmp_path / "inputs.sock") as client:
        found = (await client.ask("probe", address=camera.address, user=USER, password=PASSWORD))["camera"]
        assert found["model"] == "Caméra simulée"
        adjusted = await client.ask("adjust", address=camera.address, user=USER, password=PASSWORD)
        assert (adjusted["refused"], camera.streams["sub"].encoder.fps) == ([], 10)
        for fields, words in (
            ({"address": "8.8.8.8"}, "No address of the camera network"),
            ({"address": camera.address, "user": USER, "password": "faux"}, "refuses this ONVIF account"),
            ({"address": camera.address, "user": USER, "password": "x" * 200}, "not understood"),
        ):
            with pytest.raises(InputsRefused, match=words) as refused:
                await client.ask("probe", **fields)
            assert "xxxx" not in str(refused.value)
        with pytest.raises(InputsRefused, match="No address of the camera network"):
            await client.ask(
                "password", address=camera.address, user=USER, password=PASSWORD, new=NEW, stream="rtsp://10.9.9.9/x"
            )
        assert camera.password == PASSWORD, "a password never goes to another machine than the camera"
        assert (await client.ask("state"))["interface"] == "lo"


def test_no_word_of_the_command_line_takes_a_password() -> None:
    names = {argument.name for verb in VERBS for argument in verb.arguments}
    assert names == {"address", "camera", "--site", "--user", "--adjust", "--address"}
