"""A model: its description (a TOML beside the `.tflite`, or one of ours), and the interpreter that runs it.

The interpreter is a field of the description, because the pair of file and interpreter is what was scored: the two
runtimes differ on a sixth of YOLOX's outputs. The other one is used only when the named one cannot be imported, and
`Model.fell_back` says so. One thread and one interpreter per worker: more threads cost several times the CPU.
"""

import hashlib
import importlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from appliance.detection.decode import Order, Pixels
from appliance.detection.errors import InterpreterMissing, ModelDamaged, ModelDescriptionWrong
from appliance.detection.heads import Floats, ssd, yolox
from appliance.detection.shapes import Detection, Kind

Runtime = Literal["litert", "tflite"]

MODULES: Final[dict[Runtime, str]] = {
    "litert": "ai_edge_litert.interpreter",
    "tflite": "tflite_runtime.interpreter",
}
"""Where each runtime keeps its `Interpreter`; both are called alike."""

SSD_OUTPUTS: Final = 4
"""Boxes, classes, scores, count."""

_INT8_OFFSET: Final = 128


class ModelDescription(BaseModel):
    """A model's TOML. `input`: pixels as they are (uint8, float32) or less 128 (int8). `labels`: class to kind.

    The kinds are the closed set of `Kind`; classes without a label are dropped before anything sees them. `demo`: a
    model trained on drawn scenes, never chosen where a real one is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,47}$")]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+\.tflite$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    head: Literal["yolox", "ssd"]
    interpreter: Runtime
    width: Annotated[int, Field(ge=32, le=1280)]
    height: Annotated[int, Field(ge=32, le=1280)]
    order: Order
    fill: Annotated[int, Field(ge=0, le=255)]
    input: Literal["uint8", "int8", "float32"]
    score: Annotated[float, Field(gt=0, lt=1)]
    rank: Annotated[int, Field(ge=0, le=100)] = 50
    demo: bool = False
    licence: str
    origin: str
    labels: dict[Annotated[str, Field(pattern=r"^[0-9]{1,3}$")], Literal["person", "vehicle", "animal"]]

    @property
    def kinds(self) -> dict[int, Kind]:
        """`labels` by class number."""
        return {int(number): Kind(kind) for number, kind in self.labels.items()}


def read_description(file: Path) -> ModelDescription:
    """The description in `file`. Raises ModelDescriptionWrong."""
    try:
        return ModelDescription.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelDescriptionWrong(file=str(file), reason=type(error).__name__) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ModelDescriptionWrong(file=str(file), reason=f"{where}: {first['msg']}") from error


class _Interpreter(Protocol):
    """What both runtimes offer, as far as it is used."""

    def allocate_tensors(self) -> None: ...

    def get_input_details(self) -> list[dict[str, Any]]: ...

    def get_output_details(self) -> list[dict[str, Any]]: ...

    def set_tensor(self, index: int, value: npt.NDArray[Any]) -> None: ...

    def get_tensor(self, index: int) -> npt.NDArray[Any]: ...

    def invoke(self) -> None: ...


def _interpreter(wanted: Runtime, content: bytes) -> tuple[_Interpreter, Runtime]:
    """An interpreter of the runtime wanted, else of the other. Raises InterpreterMissing, ValueError (no model)."""
    for runtime in sorted(MODULES, key=lambda name: name != wanted):
        try:
            module = importlib.import_module(MODULES[runtime])
        except ImportError:
            continue
        made: _Interpreter = module.Interpreter(model_content=content, num_threads=1)
        made.allocate_tensors()
        return made, runtime
    raise InterpreterMissing


@dataclass(frozen=True, slots=True)
class _Output:
    """An output tensor: number = (stored - zero) * scale; scale 0: stored as it is."""

    index: int
    scale: float
    zero: int


class Model:
    """A loaded model. Not to be shared between threads. `runtime`: what really runs it."""

    def __init__(self, description: ModelDescription, folder: Path) -> None:
        """Raises ModelDamaged (hash, or no model of that description), InterpreterMissing."""
        self.description = description
        file = folder / description.file
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ModelDamaged(file=str(file), reason=error.strerror or "?") from error
        if hashlib.sha256(content).hexdigest() != description.sha256:
            raise ModelDamaged(file=str(file), reason="sha256")
        self._content = content  # the runtimes read the weights from it
        try:
            self._interpreter, self.runtime = _interpreter(description.interpreter, content)
        except (ValueError, RuntimeError) as error:
            raise ModelDamaged(file=str(file), reason="tflite") from error
        self._kinds = description.kinds
        given = self._interpreter.get_input_details()[0]
        shape = [1, description.height, description.width, 3]
        if given["shape"].tolist() != shape or np.dtype(given["dtype"]).name != description.input:
            raise ModelDamaged(file=str(file), reason=f"input {given['shape'].tolist()}")
        self._input = int(given["index"])
        self._outputs = _outputs(self._interpreter.get_output_details(), description.head)
        wanted = SSD_OUTPUTS if description.head == "ssd" else 1
        if len(self._outputs) != wanted:
            raise ModelDamaged(file=str(file), reason=f"{len(self._outputs)} outputs")

    @property
    def fell_back(self) -> bool:
        """True when the runtime that was scored could not be imported."""
        return self.runtime != self.description.interpreter

    def find(self, pixels: Pixels, least: float | None = None) -> list[Detection]:
        """Findings in uint8 pixels (height, width, 3), boxes in fractions of them; `least`: another lowest score."""
        d = self.description
        lowest = d.score if least is None else least
        self._interpreter.set_tensor(self._input, _as_input(pixels, d.input))
        self._interpreter.invoke()
        values = [_real(self._interpreter.get_tensor(output.index), output) for output in self._outputs]
        if d.head == "yolox":
            return yolox(values[0], d.width, d.height, self._kinds, lowest)
        return ssd(values, self._kinds, lowest)


def _as_input(pixels: Pixels, kind: str) -> npt.NDArray[Any]:
    if kind == "int8":
        return (pixels ^ np.uint8(_INT8_OFFSET)).view(np.int8)[np.newaxis]  # p ^ 128 as signed is p - 128
    if kind == "float32":
        return pixels.astype(np.float32)[np.newaxis]
    return pixels[np.newaxis]


def _real(stored: npt.NDArray[Any], output: _Output) -> Floats:
    values = stored[0] if stored.ndim > 1 else stored
    if not output.scale:
        return values.astype(np.float32)
    return (values.astype(np.float32) - np.float32(output.zero)) * np.float32(output.scale)


def _outputs(details: Sequence[Mapping[str, Any]], head: str) -> list[_Output]:
    """Output tensors in the head's order; SSD's four are told apart by the suffix of their names, not by their place.

    `NAME`, `NAME:1`, `NAME:2`, `NAME:3` are boxes, classes, scores and count (converter of TensorFlow), and a file's
    own order may differ.
    """
    ordered = list(details)
    if head == "ssd":
        ordered.sort(key=lambda tensor: int(str(tensor["name"]).rpartition(":")[2] or 0) if _numbered(tensor) else 0)
    return [_Output(int(tensor["index"]), *_quantisation(tensor)) for tensor in ordered]


def _numbered(tensor: Mapping[str, Any]) -> bool:
    return str(tensor["name"]).rpartition(":")[2].isdigit()


def _quantisation(tensor: Mapping[str, Any]) -> tuple[float, int]:
    scale, zero = tensor["quantization"]
    return float(scale), int(zero)
