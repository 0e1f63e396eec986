"""`appliance detect` and `appliance model`: what is printed, what is refused, and how a model comes."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any, cast
from urllib.error import URLError
from urllib.request import OpenerDirector

import av
import pytest
from av.video.frame import VideoFrame

from appliance import cli
from appliance.detection.errors import DetectionRefused, ModelUnknown, ModelUnreachable
from appliance.detection.install import address, fetch, known_models
from appliance.detection.model import ModelDescription
from appliance.detection.shapes import Box
from appliance.services.detect import lawful_camera
from appliance.site.load import load_site
from tests.peers.views import HEIGHT, WIDTH, noisy, walk, with_boxes, yard
from tests.unit.site.test_detection_file import GOOD

SUNDAY = 1_795_345_200_000_000


@pytest.fixture(autouse=True)
def no_assets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPLIANCE_ASSETS", raising=False)
    monkeypatch.setenv("LC_ALL", "fr_FR.UTF-8")


def site_file(folder: Path, text: str = GOOD) -> Path:
    file = folder / "site.toml"
    file.write_text(text + '\n[detector]\nmodels = "models"\n', encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Somebody walks over the lawn after five seconds."""
    file = tmp_path_factory.mktemp("video") / "lawn.mp4"
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        nobody: list[list[Box]] = [[]] * 25
        for number, boxes in enumerate([*nobody, *([box] for box in walk(0.1, 0.9, 30, foot=0.9))]):
            luma = noisy(with_boxes(yard(), boxes), number)
            frame = VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file


def test_without_a_model_motion_is_printed_and_the_lack_is_said(
    tmp_path: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["detect", str(video), "--camera", "arriere", "--site", str(site_file(tmp_path))]) == cli.OK
    told = capsys.readouterr()
    assert "ATTENTION : aucun modèle installé" in told.err
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert ("intrusion", "Pelouse", "motion") in {(one["rule"], one["zone"], one["class"]) for one in lines}
    assert all(one["time"] >= 5 for one in lines)


def test_a_camera_that_may_never_be_analysed_is_refused(tmp_path: Path, video: Path) -> None:
    public = GOOD.replace(
        'legal_zone = "non_public"\narea_type = "yard"', 'legal_zone = "public_road"\narea_type = "yard"'
    )
    assert public != GOOD
    site = load_site(site_file(tmp_path, public))
    with pytest.raises(DetectionRefused, match="does not allow"):
        lawful_camera(site, "thermique", SUNDAY)
    assert lawful_camera(site, "arriere", SUNDAY).id == "arriere"
    with pytest.raises(DetectionRefused, match="arriere, thermique"):
        lawful_camera(site, "arrière", SUNDAY)
    assert (
        cli.main(["detect", str(video), "--camera", "thermique", "--site", str(tmp_path / "site.toml")]) == cli.CANNOT
    )


def test_the_impact_assessment_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DetectionRefused, match="AIPD"):
        lawful_camera(load_site(site_file(tmp_path)), "thermique", SUNDAY)


def test_a_video_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.mp4").write_bytes(b"nothing")
    file = str(site_file(tmp_path))
    assert cli.main(["detect", str(tmp_path / "a.mp4"), "--camera", "arriere", "--site", file]) == cli.CANNOT
    assert "ne peuvent pas être lues" in capsys.readouterr().err


def test_models_are_listed_with_licence_and_origin(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["model", "list", "--site", str(site_file(tmp_path))]) == cli.OK
    text = capsys.readouterr().out
    for one in known_models():
        assert f"{one.name}: absent" in text
        assert one.licence in text
        assert one.origin in text


def test_a_file_that_is_no_known_model_is_not_installed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "some.tflite").write_bytes(b"some")
    asked = ["model", "install", str(tmp_path / "some.tflite"), "--site", str(site_file(tmp_path))]
    assert cli.main(asked) == cli.CANNOT
    assert "aucun des modèles connus" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


class Origin:
    """Answers like an opener of urllib; no network in a test."""

    def __init__(self, content: bytes | None) -> None:
        self.content, self.asked = content, ""

    def open(self, url: str, timeout: float) -> Any:
        assert timeout <= 60
        self.asked = url
        if self.content is None:
            raise URLError("no route")
        return io.BytesIO(self.content)


def described(content: bytes) -> ModelDescription:
    return known_models()[0].model_copy(update={"sha256": hashlib.sha256(content).hexdigest()})


def test_a_known_model_is_fetched_from_its_pinned_commit_and_checked(tmp_path: Path) -> None:
    description, origin = described(b"weights"), Origin(b"weights")
    fetch(description, tmp_path, cast(OpenerDirector, origin))
    assert (tmp_path / description.file).read_bytes() == b"weights"
    assert origin.asked == address(description)
    for one in known_models():
        url = address(one)
        assert url is not None
        assert url.startswith("https://")
        assert url.endswith(".tflite")


def test_what_an_origin_gives_is_installed_only_with_its_hash(tmp_path: Path) -> None:
    description = described(b"weights")
    with pytest.raises(ModelUnknown):
        fetch(description, tmp_path, cast(OpenerDirector, Origin(b"other weights")))
    with pytest.raises(ModelUnreachable, match="no route"):
        fetch(description, tmp_path, cast(OpenerDirector, Origin(None)))
    somewhere = description.model_copy(update={"origin": "made here"})
    with pytest.raises(ModelUnreachable):
        fetch(somewhere, tmp_path, cast(OpenerDirector, Origin(b"weights")))
    assert not list(tmp_path.iterdir())
