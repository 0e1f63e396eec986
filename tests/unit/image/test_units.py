"""What never starts in the image is masked once the presets are done, whatever they undo."""

from pathlib import Path

from imagebuild import harden
from tests.peers.need import need

GETTY = "[Service]\nExecStart=/sbin/agetty\n[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n"
"""As systemd's own: a template, of which one unit is enabled where nobody says otherwise."""


def test_no_screen_asks_for_a_log_in_whatever_the_presets_disable(tmp_path: Path) -> None:
    need("systemctl")
    units, presets = tmp_path / "usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system-preset"
    units.mkdir(parents=True)
    presets.mkdir()
    (units / "getty@.service").write_text(GETTY, encoding="ascii")
    (units / "autovt@.service").symlink_to("getty@.service")
    (units / "getty-static.service").write_text("[Service]\nExecStart=systemctl start getty@tty2\n", encoding="ascii")
    (presets / "10-appliance.preset").write_text("disable *\n", encoding="ascii")
    harden._units(tmp_path)
    linked = {file.name: str(file.readlink()) for file in (tmp_path / "etc/systemd/system").iterdir()}
    wanted = {"getty@.service", "getty@tty1.service", "autovt@.service", "getty-static.service"}
    assert {name for name, target in linked.items() if target == "/dev/null"} >= wanted | set(harden.MASKED)
