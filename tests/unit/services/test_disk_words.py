"""What a technician reads of disks: the lines as they stand on the console."""

from zoneinfo import ZoneInfo

from appliance.services.disk_words import disk_lines, none_records, title

PARIS = ZoneInfo("Europe/Paris")
HOUR = 3_600_000_000
START = 1_764_000_000_000_000  # 24 November 2025, 17:00 in Paris

LOST = {
    "path": "/srv/disk2",
    "name": "bay 2, WD80EFZX, serial …1A2B",
    "name_fr": "baie 2, WD80EFZX, n° …1A2B",
    "error": "Disk bay 2 was removed.",
    "error_fr": "Le disque baie 2 a été retiré : remettez-le en place.",
    "left_utc_us": START,
    "lost": [
        {"camera": "portail", "stream": "main", "us": round(12.3 * HOUR), "from_us": START - 48 * HOUR, "to_us": START},
        {"camera": "portail", "stream": "sub", "us": HOUR // 2, "from_us": START - 47 * HOUR, "to_us": START},
        {"camera": "cour", "stream": "main", "us": 2 * HOUR, "from_us": START - 5 * HOUR, "to_us": START - HOUR},
    ],
}


def test_a_disk_is_called_as_its_drawer_and_its_label_say() -> None:
    assert title(LOST, "fr") == "Disque baie 2, WD80EFZX, n° …1A2B (/srv/disk2)"
    assert title(LOST, "en") == "Disk bay 2, WD80EFZX, serial …1A2B (/srv/disk2)"


def test_a_lost_disk_says_since_when_and_what_each_camera_misses_in_hours() -> None:
    well, lines = disk_lines(LOST, {"portail": "Portail"}, PARIS, "fr")
    assert not well
    between = "entre le 22/11/2025 17:00 et le 24/11/2025 17:00"
    assert lines == [
        "Le disque baie 2 a été retiré : remettez-le en place. Absent depuis le 24/11/2025 17:00.",
        "Tant qu'il est absent, une partie du passé manque ; le présent s'enregistre sur les autres disques :",
        f"  - Portail : il manque 12,3 h (pleine définition) et 30 min (flux léger) {between}",
        "  - cour : il manque 2 h (pleine définition) entre le 24/11/2025 12:00 et le 24/11/2025 16:00",
    ]
    _, english = disk_lines(LOST, {"portail": "Portail"}, PARIS, "en")
    assert english[2].startswith("  - Portail: 12.3 h (full definition) and 30 min (light stream) are missing between")


def test_a_foreign_disk_says_whose_it_is_and_what_it_holds() -> None:
    foreign = {
        "site": "Collège Pasteur",
        "appliance": "0" * 28 + "beef",
        "from_us": START - 48 * HOUR,
        "to_us": START,
        "streams": [{"camera": "hall", "stream": "main", "us": 40 * HOUR}],
    }
    disk = {"path": "/srv/disk1", "error": "foreign", "error_fr": "étranger", "foreign": foreign}
    well, lines = disk_lines(disk, {}, PARIS, "fr")
    assert not well
    assert lines == [
        "étranger",
        "Site « Collège Pasteur », enregistreur n° …beef",
        "Images du 22/11/2025 17:00 au 24/11/2025 17:00",
        "  - hall (pleine définition) : 40 h",
    ]


def test_files_out_of_use_are_counted() -> None:
    disk = {
        "path": "/srv/d",
        "error": "",
        "closed": 3,
        "open": 1,
        "chunks": 10,
        "free": 4,
        "suspect": 2,
        "protected": 0,
        "pool_free": 0,
        "backend": "O_DIRECT",
    }
    well, lines = disk_lines(disk, {}, PARIS, "fr")
    assert well
    assert "2 hors d'usage" in lines[0]


def test_a_site_without_any_working_disk_hears_it_first() -> None:
    assert none_records([LOST, LOST], "fr").startswith("AUCUN DISQUE N'ENREGISTRE")
    assert none_records([LOST, {"error": ""}], "fr") == ""
    assert none_records([], "en") == ""
