"""Whose fault it is that a camera is away: its own, or the network's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.capture.errors import CameraAuthentication, CameraSilent, CameraUnreachable, NetworkDown
from appliance.capture.network import RECOVERY_US, TOGETHER_US, Host, Network, judge, read_links
from appliance.core.clock import SimulatedClock

S = 1_000_000
UP, AWAY = Host(alive=True, since_us=0), Host(alive=False, since_us=100 * S)


@pytest.mark.parametrize(
    ("hosts", "links", "down"),
    [
        ({"a": AWAY}, {}, False),  # a site of one camera: nobody can tell
        ({"a": AWAY}, {"a": True}, False),
        ({"a": AWAY}, {"a": False}, True),
        ({"a": AWAY, "b": UP}, {"a": False, "b": True}, True),  # two camera networks, one cable out
        ({"a": AWAY, "b": UP}, {}, False),
        ({"a": AWAY, "b": AWAY}, {"a": None}, True),
        ({"a": AWAY, "b": Host(alive=False, since_us=100 * S - TOGETHER_US)}, {}, True),
        (
            {"a": AWAY, "b": Host(alive=False, since_us=100 * S - TOGETHER_US - 1)},
            {},
            False,
        ),  # dead for long
        ({"b": AWAY, "c": AWAY}, {}, False),  # of a nothing is known
    ],
)
def test_the_judgement(hosts: dict[str, Host], links: dict[str, bool | None], down: bool) -> None:
    assert bool(judge("a", hosts, links)) is down


hosts = st.dictionaries(st.sampled_from("abcd"), st.builds(Host, st.booleans(), st.integers(0, 200 * S)))
links = st.dictionaries(st.sampled_from("abcd"), st.sampled_from([True, False, None]))


@given(hosts, links)
def test_one_camera_that_answers_clears_the_network_unless_the_carrier_is_gone(
    known: dict[str, Host], carriers: dict[str, bool | None]
) -> None:
    down = judge("a", known, carriers)
    assert not down or "a" in down
    assert not any(known[name].alive for name in down if carriers.get(name) is not False)
    if carriers.get("a") is False:
        assert down
    elif any(host.alive for host in known.values()) or len(known) < 2:
        assert not down


class Site:
    """Three cameras that play, and a clock."""

    def __init__(self) -> None:
        self.clock = SimulatedClock()
        self.network = Network(self.clock)
        for host in "abc":
            self.network.alive(host)

    def fails(self, host: str) -> bool:
        """Is this failure told as the network's?"""
        return isinstance(self.network.explain(host, CameraUnreachable(host=host, reason="x")), NetworkDown)


def test_a_switch_without_current_is_one_fault_and_so_are_the_cameras_it_feeds_until_they_are_back() -> None:
    site = Site()
    assert not site.fails("a")  # the first to be noticed
    site.clock.advance(3)
    assert not site.fails("b")
    site.clock.advance(3)
    assert [site.fails(host) for host in "cab"] == [True, True, True]
    site.clock.advance(600)
    assert site.fails("a")
    site.network.alive("c")  # current is back, c was quickest
    site.clock.advance(40)
    assert site.fails("a")
    site.clock.advance(RECOVERY_US / S)
    assert not site.fails("a"), "c has been back for two minutes: a has a trouble of its own"


def test_a_camera_that_fails_after_the_network_is_back_is_itself_at_fault() -> None:
    site = Site()
    for host in "abca":
        site.fails(host)
    for host in "abc":
        site.network.alive(host)
    site.clock.advance(10)
    assert not site.fails("b")


def test_a_refused_password_is_an_answer() -> None:
    site = Site()
    site.fails("a")
    site.fails("b")
    error = CameraAuthentication()
    assert site.network.explain("c", error) is error
    assert not site.fails("a")


def test_a_paused_camera_says_nothing_of_the_network() -> None:
    site = Site()
    site.network.forget("c")
    assert not site.fails("a")
    assert site.fails("b")


def test_a_carrier_that_is_gone_is_known_at_once() -> None:
    site = Site()
    site.network.links({"a": False, "b": True})
    silent = CameraSilent(reason="x")
    assert isinstance(site.network.explain("a", silent), NetworkDown)
    assert site.network.explain("b", silent) is silent


def test_the_carrier_as_the_kernel_tells_it(tmp_path: Path) -> None:
    (tmp_path / "lo").mkdir()
    here = ["127.0.0.1", "127.0.0.1", "camera.example", ""]
    for told, expected in (("1\n", True), ("0\n", False)):
        (tmp_path / "lo" / "carrier").write_text(told, encoding="ascii")
        assert read_links(here, tmp_path) == {"127.0.0.1": expected, "camera.example": None, "": None}
    assert read_links(here, tmp_path / "nowhere")["127.0.0.1"] is False
    assert read_links(["127.0.0.1"]) == {"127.0.0.1": True}
