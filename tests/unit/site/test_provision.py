"""`provision.json`: what is refused and in which words, and what a good one has written where."""

import json
import tomllib
from ipaddress import IPv4Interface
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.site.errors import ProvisionInvalid
from appliance.site.provision import Plan, make_plan, parse_provision
from tests.peers.need import ROOT

SITE = """\
[site]
name = "Essai"
place = "Banc"
kind = "school"
[[camera]]
id = "portail"
name = "Portail"
place = "Entrée"
main = "rtsp://10.20.0.11/main"
legal_zone = "non_public"
area_type = "entrance"
purpose = "intrusion"
view = "wide"
[[disk]]
path = "/srv/recordings/1"
"""


def good(**changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "version": 1,
        "site_toml": SITE,
        "network": {"cameras": {"mac": "52:54:00:00:00:01"}, "uplink": {"mac": "52:54:00:00:00:02"}},
        "cameras": {"portail": {"user": "viewer", "password": 'tr"ès\\secret'}},
        "first_account": {"login": "m.durand", "name": "M. Durand", "function": "gestionnaire", "password": "x" * 12},
        "enrolment_password": "une seule fois",
    }
    return {**values, **changed}


def plan_of(values: dict[str, Any]) -> Plan:
    return through(json.dumps(values, ensure_ascii=False, indent=1).encode())


def through(data: bytes) -> Plan:
    provision = parse_provision(data, "provision.json")
    return make_plan(provision, provision.site_toml or "", "0" * 64, "provision.json")[0]


def refused(data: bytes) -> list[str]:
    with pytest.raises(ProvisionInvalid) as raised:
        through(data)
    return [problem.sentence("fr") for problem in raised.value.problems]


def refused_values(**changed: Any) -> list[str]:
    return refused(json.dumps(good(**changed), ensure_ascii=False, indent=1).encode())


def test_a_good_file_has_its_files_each_with_the_rights_it_needs() -> None:
    plan = plan_of(good())
    files = {one.name: one for one in (*plan.site, *plan.sealed)}
    site = tomllib.loads(files["site.toml"].data.decode())
    assert site["recorder"]["socket"] == "/run/appliance/recorder/recorder.sock"
    assert tomllib.loads(files["cameras.toml"].data.decode())["portail"]["password"] == 'tr"ès\\secret'
    assert files["interfaces"].data == b"cameras 52:54:00:00:00:01\nuplink 52:54:00:00:00:02\n"
    assert b"Address=10.20.0.1/24\n" in files["network/10-cameras.network.d/site.conf"].data
    image = (ROOT / "systemd/network/10-cameras.network").read_bytes()
    assert b"\nAddress=" not in image, "systemd 252 would keep both"
    assert {name for name, one in files.items() if one.mode & 0o077 == 0} == {
        "cameras.toml",
        "page/first-account.json",
        "enrolment-password",
    }
    assert {one.name for one in plan.sealed} == {"page/first-account.json", "enrolment-password"}


def test_the_central_teams_public_key_lies_with_the_site() -> None:
    key = "-----BEGIN PUBLIC KEY-----\n" + "A" * 60 + "\n-----END PUBLIC KEY-----\n"
    files = {one.name: one for one in plan_of(good(recovery_key=key)).site}
    assert (files["recovery.pem"].data, files["recovery.pem"].mode) == (key.encode(), 0o644)
    assert "recovery.pem" not in {one.name for one in plan_of(good()).site}


def test_no_secret_is_shown_by_repr() -> None:
    data = json.dumps(good()).encode()
    shown = repr(parse_provision(data, "provision.json")) + repr(plan_of(good()))
    assert not [secret for secret in ("secret", "x" * 12, "une seule fois") if secret in shown]


def test_a_mistake_is_told_with_its_line_and_what_to_write() -> None:
    wrong = {"cameras": {"mac": "52-54"}, "uplink": {"mac": "52:54:00:00:00:02"}}
    (said,) = refused_values(network=wrong)
    lines = json.dumps(good(network=wrong), ensure_ascii=False, indent=1).splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "52-54" in text)
    assert (
        said == f'ligne {line}, network, cameras, mac : écrivez l\'adresse de la carte, par exemple "52:54:00:ab:cd:ef"'
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"version": 2}, "valeur inconnue"),
        ({"sit_toml": "x"}, "site_toml"),
        ({"site_toml": None}, "une fois"),
        ({"site_file": "../etc/shadow", "site_toml": None}, "sans dossier"),
        ({"enrolment_password": "court"}, "12 caractères"),
        ({"recovery_key": "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n-----END PRIVATE KEY-----"}, "clé publique"),
        ({"enrolment_password": "deux\nlignes et plus"}, "invisible"),
        ({"ca_certificate": "rien"}, "PEM"),
        ({"cameras": {"cour": {"user": "a", "password": "b"}}}, "aucune caméra"),
        ({"cameras": {"portail": {"user": "a", "password": "b\n[cour]"}}}, "invisible"),
        ({"site_toml": SITE.replace("school", "scool")}, "site_toml, site, kind"),
        ({"site_toml": SITE.replace("/srv/recordings/1", "/tmp/x")}, "/srv/recordings/1"),
        ({"site_toml": SITE + '[recorder]\nsocket = "/tmp/s"\n'}, "recorder.sock"),
    ],
)
def test_each_mistake_has_words(changed: dict[str, Any], words: str) -> None:
    assert words in " ".join(refused_values(**changed))


@pytest.mark.parametrize(
    ("cameras", "uplink", "words"),
    [
        ({"address": "8.8.8.8/24"}, {}, "privé"),
        ({"address": "10.20.0.0/24"}, {}, "longueur"),
        ({"address": "10.20.0.1"}, {}, "longueur"),
        ({}, {"mac": "52:54:00:00:00:01"}, "deux fois"),
        ({}, {"address": "10.20.0.9/16", "gateway": "10.20.0.1"}, "même réseau"),
        ({}, {"address": "192.168.1.9/24"}, "passerelle"),
        ({}, {"address": "192.168.1.9/24", "gateway": "192.168.2.1"}, "passerelle"),
        ({}, {"dns": ["fe80::1"]}, "écrivez une adresse"),
    ],
)
def test_networks_that_cannot_work_are_refused(cameras: dict[str, Any], uplink: dict[str, Any], words: str) -> None:
    network = {
        "cameras": {"mac": "52:54:00:00:00:01", **cameras},
        "uplink": {"mac": "52:54:00:00:00:02", **uplink},
    }
    assert words in " ".join(refused_values(network=network))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "ligne 1"),
        (b'{"version": 1,\n "network": }', "ligne 2"),
        (b"[]", "commence par {"),
        (b'{"version": 1, \n"version": 1}', "ligne 1, JSON : un mot est écrit deux fois"),
        (b'{\n"a": "\xff"}', "ligne 2, JSON : enregistrez"),
        (b"[" * 100_000, "mise en service"),
        (b" " * (1 << 20) + b"{}", "1 Mio"),
    ],
)
def test_what_is_no_such_file_is_told_too(data: bytes, words: str) -> None:
    assert words in " ".join(refused(data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(good())) | st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(good())), JSON, min_size=1))
def test_whatever_a_value_is_the_answer_is_a_plan_or_words_without_it(changed: dict[str, Any]) -> None:
    said: list[str] | None = None
    try:
        plan_of(good(**changed))
    except ProvisionInvalid as error:
        said = [problem.sentence(language) for problem in error.problems for language in ("fr", "en")]
    assert said is None or (said and all(": " in words for words in said))


@given(
    st.integers(8, 29),
    st.sampled_from(["10.0.0.0", "172.16.0.0", "192.168.0.0"]),
    st.integers(1, 1 << 23),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40),
)
def test_written_files_hold_what_was_given_and_leases_fit(length: int, base: str, host: int, password: str) -> None:
    ip = IPv4Interface(f"{base}/{length}").ip + host
    network = {
        "cameras": {"mac": "52:54:00:00:00:01", "address": f"{ip}/{length}"},
        "uplink": {"mac": "52:54:00:00:00:02"},
    }
    try:
        plan = plan_of(good(network=network, cameras={"portail": {"user": "u", "password": password}}))
    except ProvisionInvalid:
        return
    files = {one.name: one.data.decode() for one in plan.site}
    assert tomllib.loads(files["cameras.toml"]) == {"portail": {"user": "u", "password": password.strip()}}
    values = dict(
        line.split("=") for line in files["network/10-cameras.network.d/site.conf"].splitlines() if "=" in line
    )
    whole = IPv4Interface(values["Address"]).network
    assert 0 < int(values["PoolOffset"]) < int(values["PoolOffset"]) + int(values["PoolSize"]) < whole.num_addresses
