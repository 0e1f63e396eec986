"""Footage made again as another camera would send it."""

from pathlib import Path

import av
import numpy as np

from appliance.detection.decode import decode_file
from tests.bench.detection_stress import VARIANTS, Variant, make, truths_of


def source(file: Path) -> None:
    """Two seconds at 10 pictures a second, dark on the left, light on the right."""
    pixels = np.full((180, 320, 3), 60, np.uint8)
    pixels[:, 160:] = 180
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def named(name: str) -> Variant:
    """The variant of that name."""
    return next(one for one in VARIANTS if one.name == name)


def test_a_variant_shows_what_it_says_in_the_same_time(tmp_path: Path) -> None:
    file = tmp_path / "source.mp4"
    source(file)
    plain = list(decode_file(file))
    for name in ("mirrored", "0.5 of the size", "darker by 40 levels", "5 fps"):
        made = tmp_path / "made.mp4"
        make(file, made, named(name))
        seen = list(decode_file(made))
        assert [one.time_us for one in seen] == [one.time_us for one in plain]
        left, right = (int(seen[5].luma[:, part].mean()) for part in (slice(8, 64), slice(-64, -8)))
        if name == "mirrored":
            assert left > right + 80
        else:
            assert right > left + 80
        assert seen[5].width == (160 if name == "0.5 of the size" else 320)
        if name == "darker by 40 levels":
            assert right < plain[5].luma[:, 300].mean() - 35


def test_a_zone_is_mirrored_with_its_picture() -> None:
    truths = {"a": {"zone_polygon": [[0.1, 0.2], [0.4, 1.0]]}, "b": {}}
    assert truths_of(truths, named("mirrored")) == {"a": {"zone_polygon": [[0.9, 0.2], [0.6, 1.0]]}, "b": {}}
    assert truths_of(truths, named("GOP 5")) == truths
