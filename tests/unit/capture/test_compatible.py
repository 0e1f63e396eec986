"""Which reader reads, and what the parent believes of its child: a framing, and nothing else."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.choice import PATIENCE, ReaderChoice, Setting
from appliance.capture.compatible.reader import CHILD_PATH, COMMAND
from appliance.capture.compatible.wire import HEADER, Kind, encode, head
from appliance.capture.errors import (
    CameraAuthentication,
    CameraClosed,
    CameraSilent,
    CaptureError,
    CompatibleReaderFailed,
    RtspInvalid,
    SdpInvalid,
    TransportRefused,
)
from appliance.core.errors import Language
from appliance.media.depacketiser import MAX_UNIT_BYTES
from appliance.services.status import sentences

BAD = RtspInvalid(reason="x", at=1)
OTHERS = [CameraAuthentication(), CameraSilent(reason="x"), CameraClosed(reason="x")]


def test_a_camera_that_refuses_tcp_is_given_over_at_once() -> None:
    choice = ReaderChoice("auto")
    assert choice.failed(TransportRefused(reason="461"))
    assert choice.compatible


def test_other_failures_of_the_protocol_must_repeat() -> None:
    choice = ReaderChoice("auto")
    assert [choice.failed(BAD) for _ in range(PATIENCE)] == [False] * (PATIENCE - 1) + [True]
    assert choice.compatible


def test_one_that_reads_no_better_gives_way() -> None:
    choice = ReaderChoice("auto")
    choice.failed(TransportRefused(reason="461"))
    failed = [choice.failed(CompatibleReaderFailed(reason="x")) for _ in range(PATIENCE)]
    assert failed[-1]
    assert not choice.compatible


@given(st.lists(st.sampled_from([BAD, SdpInvalid(reason="x"), *OTHERS]), max_size=30))
def test_only_failures_of_the_protocol_in_a_row_change_the_reader(errors: list[CaptureError]) -> None:
    choice, row = ReaderChoice("auto"), 0
    for error in errors:
        row = 0 if error in OTHERS else row + 1
        assert choice.failed(error) == (row == PATIENCE)
        row %= PATIENCE


@pytest.mark.parametrize("setting", ["native", "compatible"])
def test_a_reader_that_was_written_stays(setting: Setting) -> None:
    choice = ReaderChoice(setting)
    assert not any(choice.failed(TransportRefused(reason="461")) for _ in range(20))
    assert choice.compatible == (setting == "compatible")


@given(st.sampled_from(Kind), st.binary(max_size=99), st.integers(-(2**63), 2**63 - 1))
def test_messages_come_out_as_they_went_in(kind: Kind, body: bytes, time: int) -> None:
    data = encode(kind, body, time)
    assert head(data[: HEADER.size]) == (kind, len(body), time)
    assert data[HEADER.size :] == body


@given(st.binary(min_size=HEADER.size, max_size=HEADER.size))
def test_any_header_is_bounded_or_refused(data: bytes) -> None:
    try:
        kind, length, _ = head(data)
    except ValueError:
        return
    assert kind in Kind
    assert length <= MAX_UNIT_BYTES


@pytest.mark.parametrize(
    ("language", "words"), [("fr", "par le lecteur de compatibilité"), ("en", "by the compatible reader")]
)
def test_the_console_says_which_reader_reads(language: Language, words: str) -> None:
    stream = {"durable_utc_us": 1, "fps": 25.0, "width": 640, "height": 360, "bitrate": 10**6}
    for reader in ("native", "compatible"):
        camera = {"id": "cour", "name": "Cour", "streams": {"main": {**stream, "reader": reader}}}
        ((line,), well) = sentences({"now_utc_us": 2, "cameras": [camera], "disks": []}, language)
        assert well
        assert (words in line) == (reader == "compatible")


def test_the_child_finds_the_product_where_python_does_not_look_by_itself(tmp_path: Path) -> None:
    """As in the image: `-S` takes away every folder but the standard library's."""
    python, *words = COMMAND
    done = subprocess.run(
        [python, "-S", *words],
        env={"PYTHONPATH": CHILD_PATH},
        cwd=tmp_path,
        input=b"",
        capture_output=True,
        check=False,
    )
    assert b"JSONDecodeError" in done.stderr  # it runs, and its order is missing
