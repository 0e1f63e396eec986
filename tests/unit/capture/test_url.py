"""Redirects: another path of the same camera, and nothing else."""

import pytest

from appliance.capture.url import parse_url, redirected

HERE = parse_url("rtsp://user:secret@10.0.0.5/old")


def test_another_path_of_the_same_camera_keeps_the_known_credentials() -> None:
    other = redirected(HERE, "rtsp://evil:word@10.0.0.5:554/new?x=1")
    assert other is not None
    assert (other.text, other.credentials) == ("rtsp://10.0.0.5:554/new?x=1", HERE.credentials)


@pytest.mark.parametrize(
    "location",
    ["", "/new", "rtsp://10.0.0.6/new", "rtsp://10.0.0.5:555/new", "rtsps://10.0.0.5:554/new", "http://10.0.0.5/"],
)
def test_another_machine_port_or_way_is_refused(location: str) -> None:
    assert redirected(HERE, location) is None


def test_rtsps_has_a_port_of_its_own() -> None:
    url = parse_url("rtsps://10.0.0.5/x")
    assert (url.port, url.secure, url.text) == (322, True, "rtsps://10.0.0.5/x")
