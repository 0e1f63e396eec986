"""Stages are made again when, and only when, something that goes into them changed."""

from pathlib import Path

import pytest

from imagebuild.stage import Build, Stage, hash_files


class Kitchen:
    """Three stages in a row; `inputs` may be changed, `spoil` cuts one short."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inputs = {"a": "1", "b": "1", "c": "1"}
        self.spoil = ""
        self.said: list[str] = []

    def run(self) -> list[str]:
        def make(name: str, place: Path) -> None:
            (place / "half").touch()
            if name == self.spoil:
                raise KeyboardInterrupt
            (place / "whole").touch()

        def stage(name: str, *needs: str) -> Stage:
            return Stage(name, needs, lambda: self.inputs[name], lambda place: make(name, place))

        return Build(self.folder, [stage("a"), stage("b", "a"), stage("c", "b")], self.said.append).run()


@pytest.fixture
def kitchen(tmp_path: Path) -> Kitchen:
    return Kitchen(tmp_path)


def test_what_did_not_change_is_passed_over(kitchen: Kitchen) -> None:
    assert kitchen.run() == ["a", "b", "c"]
    assert kitchen.run() == []
    assert "[1/3] a: unchanged" in kitchen.said
    kitchen.inputs["b"] = "2"
    assert kitchen.run() == ["b", "c"]
    kitchen.inputs["a"] = "2"
    assert kitchen.run() == ["a", "b", "c"]


def test_a_stage_that_was_cut_begins_anew_and_those_before_stay(kitchen: Kitchen) -> None:
    kitchen.spoil = "b"
    with pytest.raises(KeyboardInterrupt):
        kitchen.run()
    assert (kitchen.folder / "b/half").exists()
    kitchen.spoil = ""
    assert kitchen.run() == ["b", "c"]
    assert (kitchen.folder / "b/whole").exists()


def test_names_modes_and_contents_count(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("a")
    hashes = {hash_files([file], tmp_path)}
    file.chmod(0o755)
    hashes.add(hash_files([file], tmp_path))
    file.write_text("b")
    hashes.add(hash_files([file], tmp_path))
    file = file.rename(tmp_path / "other")
    hashes.add(hash_files([file], tmp_path))
    file.unlink()
    file.symlink_to("b")
    hashes.add(hash_files([file], tmp_path))
    assert len(hashes) == 5
