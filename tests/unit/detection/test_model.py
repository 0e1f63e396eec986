"""Descriptions of models, which model is chosen, and the runtime behind it (here a stand-in; the real ones run on the
clips of tests/integration)."""

import hashlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from appliance.detection import model as model_module
from appliance.detection.errors import InterpreterMissing, ModelDamaged, ModelDescriptionWrong, ModelUnknown
from appliance.detection.install import KNOWN, folders, install, known_models, load_best, models_in
from appliance.detection.model import Model, ModelDescription, read_description
from appliance.detection.shapes import Kind

CONTENT = b"weights"

TOML = f"""\
name = "little"
file = "little.tflite"
sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"
head = "ssd"
interpreter = "litert"
width = 64
height = 48
order = "rgb"
fill = 114
input = "uint8"
score = 0.4
licence = "EUPL-1.2"
origin = "here"
[labels]
0 = "person"
1 = "vehicle"
"""


class StandIn:
    """An interpreter with SSD's four outputs, in an order of its own, as some files have."""

    def __init__(self, model_content: bytes, num_threads: int) -> None:
        assert num_threads == 1
        if model_content != CONTENT:
            raise ValueError("no flatbuffer")
        self.given: Any = None

    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]:
        return [{"index": 0, "shape": np.array([1, 48, 64, 3]), "dtype": np.uint8, "quantization": (1.0, 0)}]

    def get_output_details(self) -> list[dict[str, Any]]:
        names = ("out:1", "out:3", "out", "out:2")
        return [{"index": n + 10, "name": name, "quantization": (0.0, 0)} for n, name in enumerate(names)]

    def set_tensor(self, index: int, value: Any) -> None:
        assert index == 0
        self.given = value

    def invoke(self) -> None:
        assert self.given.shape == (1, 48, 64, 3)

    def get_tensor(self, index: int) -> Any:
        classes, count = np.array([[1, 0]], np.float32), np.array([2], np.float32)
        boxes = np.array([[[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.9, 0.6]]], np.float32)
        return {10: classes, 11: count, 12: boxes, 13: np.array([[0.9, 0.3]], np.float32)}[index]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    stand_in = ModuleType("stand_in_runtime")
    stand_in.__dict__["Interpreter"] = StandIn
    monkeypatch.setitem(sys.modules, "stand_in_runtime", stand_in)
    monkeypatch.setattr(model_module, "MODULES", {"litert": "stand_in_runtime", "tflite": "no_such_runtime"})
    (tmp_path / "little.tflite").write_bytes(CONTENT)
    (tmp_path / "little.toml").write_text(TOML, encoding="utf-8")
    return tmp_path


def test_known_models_keep_only_persons_vehicles_and_animals() -> None:
    known = known_models()
    assert {one.name for one in known} >= {"yolox-nano-ti-320", "ssd-mobilenet-v1-300"}
    for one in known:
        assert set(one.kinds.values()) == {Kind.PERSON, Kind.VEHICLE, Kind.ANIMAL}
        assert one.licence
        assert " @ " in one.origin
        assert not one.demo


@pytest.mark.parametrize("label", ["face", "plate", "emotion", "identity", "motion", "dog"])
def test_a_label_for_anything_else_is_refused(folder: Path, label: str) -> None:
    (folder / "little.toml").write_text(TOML.replace('1 = "vehicle"', f'1 = "{label}"'), encoding="utf-8")
    with pytest.raises(ModelDescriptionWrong, match="labels"):
        read_description(folder / "little.toml")


@pytest.mark.parametrize(
    "change",
    [
        ("width = 64", "width = 6"),
        ('head = "ssd"', 'head = "face"'),
        ("score = 0.4\n", ""),
        ("[labels]", "[labels"),
        ('"little.tflite"', '"../little.tflite"'),
        ("fill = 114", "fil = 114"),
    ],
)
def test_a_wrong_description_is_refused(folder: Path, change: tuple[str, str]) -> None:
    assert change[0] in TOML
    (folder / "little.toml").write_text(TOML.replace(*change), encoding="utf-8")
    with pytest.raises(ModelDescriptionWrong):
        read_description(folder / "little.toml")


def test_outputs_are_told_apart_by_name(folder: Path) -> None:
    model = Model(read_description(folder / "little.toml"), folder)
    (found,) = model.find(np.zeros((48, 64, 3), np.uint8))
    assert found.kind is Kind.VEHICLE
    assert found.score == pytest.approx(0.9)
    assert tuple(found.box) == pytest.approx((0.2, 0.1, 0.4, 0.3))
    assert len(model.find(np.zeros((48, 64, 3), np.uint8), 0.25)) == 2
    assert not model.fell_back


def test_the_other_runtime_is_used_only_when_the_named_one_is_missing_and_it_is_said(folder: Path) -> None:
    description = read_description(folder / "little.toml").model_copy(update={"interpreter": "tflite"})
    model = Model(description, folder)
    assert (model.runtime, model.fell_back) == ("litert", True)


def test_no_runtime_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_module, "MODULES", {"litert": "no_such", "tflite": "no_such_runtime"})
    with pytest.raises(InterpreterMissing):
        Model(read_description(folder / "little.toml"), folder)


def test_a_file_that_is_not_what_was_described_is_refused(folder: Path) -> None:
    (folder / "little.tflite").write_bytes(CONTENT + b"!")
    with pytest.raises(ModelDamaged, match="sha256"):
        Model(read_description(folder / "little.toml"), folder)
    (folder / "little.tflite").unlink()
    with pytest.raises(ModelDamaged):
        Model(read_description(folder / "little.toml"), folder)


@pytest.mark.parametrize("change", [{"width": 96}, {"head": "yolox"}, {"input": "int8"}])
def test_a_file_of_another_form_is_refused(folder: Path, change: dict[str, Any]) -> None:
    with pytest.raises(ModelDamaged):
        Model(read_description(folder / "little.toml").model_copy(update=change), folder)


def other(name: str, **more: Any) -> ModelDescription:
    return ModelDescription.model_validate(
        {"name": name, "file": f"{name}.tflite", "sha256": "0" * 64, "head": "ssd", "interpreter": "litert"}
        | {"width": 64, "height": 48, "order": "rgb", "fill": 0, "input": "uint8", "score": 0.5, "licence": "x"}
        | {"origin": "y @ z", "labels": {"0": "person"}}
        | more
    )


def test_a_real_model_goes_before_the_demonstrations(folder: Path) -> None:
    known = [other("demo", demo=True, rank=100), other("good", rank=60), other("poor", rank=10), other("gone")]
    for one in known[:3]:
        (folder / one.file).touch()
    assert [one.description.name for one in models_in([folder], known)] == ["good", "little", "poor", "demo"]
    assert load_best([folder / "empty"], known) is None


def test_where_models_are_looked_for(tmp_path: Path) -> None:
    assert folders(tmp_path, {}) == [tmp_path]
    assert folders(tmp_path, {"APPLIANCE_ASSETS": "/assets"}) == [tmp_path, Path("/assets/models")]


def test_a_model_is_installed_by_its_hash(folder: Path, tmp_path: Path) -> None:
    installed = tmp_path / "installed"
    assert install(folder / "little.tflite", installed, ()).name == "little"
    model = load_best([installed], ())
    assert model is not None
    assert model.description.name == "little"
    assert not list(installed.glob("*.new"))
    stranger = tmp_path / "stranger.tflite"
    stranger.write_bytes(b"something")
    with pytest.raises(ModelUnknown):
        install(stranger, installed, known_models(KNOWN))
    with pytest.raises(ModelUnknown):
        install(tmp_path / "nothing.tflite", installed, ())
