"""Who decodes pictures: the detector alone. Hostile video then meets libav and TFLite in no process that records."""

import subprocess
import sys

import pytest

OF_THE_DETECTOR = ("av", "numpy", "tflite_runtime", "ai_edge_litert", "appliance.detection.decode")

LOADED = "import importlib, sys; importlib.import_module(sys.argv[1]); print(*sys.modules)"


def loaded(module: str) -> set[str]:
    """Modules that a new Python has after importing `module`."""
    done = subprocess.run([sys.executable, "-c", LOADED, module], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("service", ["recorder", "web", "run", "register"])
def test_no_other_service_has_libav_or_a_model_s_runtime_in_it(service: str) -> None:
    assert not loaded(f"appliance.services.{service}") & set(OF_THE_DETECTOR)


def test_the_detector_would_be_noticed() -> None:
    assert {"av", "numpy", "appliance.detection.decode"} <= loaded("appliance.services.detector")
