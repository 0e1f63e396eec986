"""Whose a disk is: nothing of another appliance is ever written to without its name; what a disk cost, by stream."""

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.media.stream import StreamKey
from appliance.ring.disks.adoption import TYPED, Kin, kin, names
from appliance.ring.disks.disk import DEMO_GEOMETRY
from appliance.ring.disks.identity import (
    NOBODY,
    DiskIdentity,
    appliance_id,
    id_of_recorder,
    read_identity,
    write_identity,
)
from appliance.ring.disks.loss import losses
from appliance.ring.disks.naming import DiskName, look_up, name_of
from appliance.ring.disks.thread import DiskThreads
from appliance.ring.faults import ApplianceIdDamaged

HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
IDS = st.one_of(HEX, st.sampled_from([NOBODY, "a" * 32, "b" * 32]))
SITES = st.text(max_size=20)
IDENTITIES = st.builds(DiskIdentity, HEX, IDS, st.just(DEMO_GEOMETRY), st.just(40), st.just(3), SITES)


@given(IDENTITIES, st.one_of(st.just(""), IDS), st.sets(HEX))
def test_a_disk_of_another_appliance_is_never_ours(identity: DiskIdentity, own: str, in_use: set[str]) -> None:
    found = kin(identity, own, in_use)
    if found in {Kin.OWN, Kin.NOBODYS} and own:
        assert identity.appliance in {own, NOBODY}
    if own and identity.appliance not in {own, NOBODY}:
        assert found in {Kin.FOREIGN, Kin.TWIN}
    assert (found is Kin.TWIN) == (identity.uuid in in_use)


@given(IDENTITIES, st.text(max_size=40))
def test_only_its_site_or_its_last_digits_name_a_disk(identity: DiskIdentity, typed: str) -> None:
    wanted = {identity.uuid[-TYPED:], identity.site.casefold()} - {""}
    assert names(identity, typed) == (typed.strip().casefold() in wanted)
    assert names(identity, f" {identity.uuid[-TYPED:].upper()} ")
    assert not names(identity, "")


@given(IDENTITIES)
def test_an_identity_reads_back(tmp_path_factory: pytest.TempPathFactory, identity: DiskIdentity) -> None:
    path = tmp_path_factory.mktemp("disk")
    write_identity(path, identity)
    assert read_identity(path) == identity


def test_an_appliance_has_one_id_for_ever_and_a_damaged_one_is_not_replaced(tmp_path: Path) -> None:
    state = tmp_path / "state"
    made = appliance_id(state)
    assert appliance_id(state) == made
    (state / "appliance-id").write_text("zz\n", encoding="ascii")
    with pytest.raises(ApplianceIdDamaged):
        appliance_id(state)


STRETCHES = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 1000), st.integers(1, 300)), max_size=12)


@given(STRETCHES)
def test_a_loss_counts_each_instant_once(stretches: list[tuple[str, int, int]]) -> None:
    held = [(StreamKey(camera, "main"), start, start + length) for camera, start, length in stretches]
    instants: dict[str, set[int]] = {}
    for camera, start, length in stretches:
        instants.setdefault(camera, set()).update(range(start, start + length))
    found = losses(held)
    assert {loss.key.camera: loss.us for loss in found} == {camera: len(times) for camera, times in instants.items()}
    for loss in found:
        assert (loss.from_us, loss.to_us) == (min(instants[loss.key.camera]), max(instants[loss.key.camera]) + 1)


def test_disks_are_named_by_bay_model_and_the_last_four_of_the_serial() -> None:
    name = name_of(Path("/srv/disk2"), "2", ("WDC_WD80EFZX", "VK0G1A2B"))
    assert name.words("fr") == "baie 2, WDC WD80EFZX, n° …1A2B"
    assert name.words("en") == "bay 2, WDC WD80EFZX, serial …1A2B"
    assert DiskName("disk2").words("fr") == "disk2"
    assert DiskName("disk2", bay="1").words("fr") == "baie 1, disk2"


def test_a_folder_is_called_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "disk-a").mkdir()
    assert look_up(tmp_path / "disk-a").words("en") == "disk-a"


def test_an_abandoned_call_fails_at_once_and_its_thread_cleans_up_when_it_returns() -> None:
    threads = DiskThreads("test")
    entered, go_on, cleaned = threading.Event(), threading.Event(), threading.Event()

    def hangs() -> int:
        entered.set()
        go_on.wait(20)
        return 7

    running, waiting = threads.submit(hangs), threads.submit(lambda: 8)
    assert entered.wait(20)
    threads.abandon(OSError("gone"), cleaned.set)
    for future in (running, waiting, threads.submit(lambda: 9)):
        with pytest.raises(OSError, match="gone"):
            future.result(timeout=0)
    assert not cleaned.is_set()
    go_on.set()
    assert cleaned.wait(20)


def test_calls_of_one_thread_are_done_in_order_and_errors_come_back() -> None:
    threads = DiskThreads("test")
    done: list[int] = []
    futures = [threads.submit(done.append, i) for i in range(20)]
    for future in futures:
        future.result(timeout=20)
    assert done == list(range(20))
    with pytest.raises(ZeroDivisionError):
        threads.submit(lambda: 1 // 0).result(timeout=20)
    threads.shutdown()


def test_a_recorder_whose_id_cannot_be_kept_is_who_its_disks_say(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c", "d")]
    for path, named in zip(paths, ("1" * 32, "2" * 32, "2" * 32, NOBODY), strict=True):
        path.mkdir()
        write_identity(path, DiskIdentity("f" * 32, named, DEMO_GEOMETRY, 40))
    blocked = tmp_path / "file"
    blocked.touch()
    assert id_of_recorder(blocked / "state", paths) == "2" * 32
    assert id_of_recorder(blocked / "state", paths[3:]) == ""
    (tmp_path / "appliance-id").write_text("damaged", encoding="ascii")
    assert id_of_recorder(tmp_path, paths) == "2" * 32
    assert (tmp_path / "appliance-id").read_text("ascii").strip() == "2" * 32
    assert (tmp_path / "appliance-id.damaged").read_text("ascii") == "damaged"


def test_an_id_that_is_missing_is_taken_from_the_disks_only_where_a_recorder_has_lived(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    write_identity(disk, DiskIdentity("f" * 32, "2" * 32, DEMO_GEOMETRY, 40))
    (tmp_path / "new" / "journal").mkdir(parents=True)  # as a new system has it
    (tmp_path / "new" / "journal" / "provision-000000000001.log").touch()
    new = id_of_recorder(tmp_path / "new", [disk])
    assert new not in {"2" * 32, ""}, "another appliance's disk stays foreign in a new one"
    assert id_of_recorder(tmp_path / "new", [disk]) == new
    (tmp_path / "old" / "journal").mkdir(parents=True)
    (tmp_path / "old" / "journal" / "recorder-000000000001.log").touch()
    with pytest.raises(ApplianceIdDamaged):
        appliance_id(tmp_path / "old")
    assert id_of_recorder(tmp_path / "old", [disk]) == "2" * 32
    assert id_of_recorder(tmp_path / "old", []) == "2" * 32
