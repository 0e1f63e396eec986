"""Which machine is asked: the one that a person named or that answered, whatever a camera announces."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.inputs.errors import OnvifAddressRefused
from appliance.inputs.place import DEVICE_PATH, Place, of_match, service, stream_url, typed

HERE = Place("10.20.0.11", 8080)
URLS = st.one_of(
    st.text(max_size=60),
    st.builds(
        "{}://{}:{}{}".format,
        st.sampled_from(["http", "rtsp", "rtsps", "https", "ftp"]),
        st.sampled_from(["10.20.0.11", "8.8.8.8", "[::1]", "camera.local", "u:p@10.0.0.9", ""]),
        st.one_of(st.integers(0, 70_000), st.text(max_size=3)),
        st.text("/abc?=&@ \r\né", max_size=12),
    ),
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("10.20.0.11", Place("10.20.0.11", 80)),
        ("192.168.1.64:8899", Place("192.168.1.64", 8899)),
        ("http://172.16.0.3/onvif/x", Place("172.16.0.3", 80, "/onvif/x")),
    ],
)
def test_an_address_as_people_write_it(text: str, place: Place) -> None:
    assert typed(text) == place


@pytest.mark.parametrize(
    "text",
    [
        *("", "8.8.8.8", "camera.local", "10.20.0.11:99999", "https://10.20.0.11", "[fd00::2]", "0.0.0.0"),
        *("239.255.255.250", "10.20.0.11\r\nHost: x", "255.255.255.255"),
    ],
)
def test_what_is_no_address_of_the_camera_network_is_refused(text: str) -> None:
    with pytest.raises(OnvifAddressRefused):
        typed(text)


@pytest.mark.parametrize(
    ("announced", "found"),
    [
        ("/onvif/media", Place("10.20.0.11", 8080, "/onvif/media")),
        ("http://192.168.1.64/onvif/media", Place("10.20.0.11", 80, "/onvif/media")),
        ("http://10.20.0.11:8000", Place("10.20.0.11", 8000, DEVICE_PATH)),
        ("https://10.20.0.11/onvif/media", None),
        ("http://10.20.0.11/a b", None),
        ("", None),
    ],
)
def test_a_service_is_always_on_the_machine_that_was_asked(announced: str, found: Place | None) -> None:
    assert service(HERE, announced) == found


@given(URLS)
def test_no_announcement_leads_to_another_machine_or_breaks_a_request(announced: str) -> None:
    found = service(HERE, announced)
    if found is not None:
        assert found.host == HERE.host
        assert 1 <= found.port <= 65535
        assert found.path.isascii()
        assert found.path.isprintable()
        assert " " not in found.path


@given(st.ip_addresses(v=4).map(str), st.lists(URLS, max_size=4).map(" ".join))
def test_only_private_senders_are_found_and_at_their_own_address(source: str, announced: str) -> None:
    found = of_match(source, announced)
    if found is not None:
        assert found.host == source
        assert ipaddress.ip_address(source).is_private


def test_of_several_addresses_the_senders_own_is_used() -> None:
    announced = "http://[fe80::1]/onvif http://192.168.1.64/x http://10.20.0.11:8080/onvif/device_service"
    assert of_match("10.20.0.11", announced) == Place("10.20.0.11", 8080)
    assert of_match("8.8.8.8", announced) is None


@pytest.mark.parametrize(
    ("announced", "told"),
    [
        ("rtsp://10.20.0.11/main", ("rtsp://10.20.0.11/main", False)),
        ("rtsp://10.20.0.11:554/main?a=1", ("rtsp://10.20.0.11/main?a=1", False)),
        ("rtsp://admin:secret@10.20.0.11:8554/main", ("rtsp://10.20.0.11:8554/main", False)),
        ("rtsp://192.168.1.64/main", ("rtsp://10.20.0.11/main", True)),
        ("http://10.20.0.11/main", None),
        ("rtsp://10.20.0.11/a\nb", ("rtsp://10.20.0.11/ab", False)),  # urlsplit drops line ends, WHATWG's rule
    ],
)
def test_a_stream_address_without_account_and_of_the_camera_itself(
    announced: str, told: tuple[str, bool] | None
) -> None:
    assert stream_url("10.20.0.11", announced) == told
