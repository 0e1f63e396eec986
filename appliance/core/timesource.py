"""The I/O edge of the clock judgement: RTC, NTP state, and the judge's record on the system disk.

Every function here may block (files, fsync, a program): call it in a thread, never in the event loop. Paths and
programs are parameters. An absent source is None or "not synchronised", never an error; one that answers
nonsense is logged by its named error and counts as absent.
"""

import ctypes
import json
import logging
import os
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final, NamedTuple

from appliance.core.clock import Clock
from appliance.core.durable import sync_directory
from appliance.core.errors import ApplianceError
from appliance.core.judgement import Evidence, Facts, Ntp, Record, Stamp

log = logging.getLogger(__name__)

RTC: Final = Path("/sys/class/rtc/rtc0/since_epoch")
"""Seconds since 1970 by the RTC, which is kept in UTC (Linux Documentation/ABI/testing/rtc-cdev)."""

CHRONYC_S: Final = 2.0
"""Seconds. chronyc asks over a local socket and answers in milliseconds; a judgement waits no longer."""

MAX_ERROR_US: Final = 1_000_000
"""The kernel's maximum error grows by 500 ppm without updates: above a second, NTP has been silent for 33 min."""

RECORD_VERSION: Final = 1

_STA_UNSYNC: Final = 0x40
_TIME_ERROR: Final = 5  # adjtimex(2): clock not synchronised
_TRACKING_LEAP: Final = 13  # field of `chronyc -c tracking`: leap status


class RecordUnreadable(ApplianceError):
    """The saved record is torn or altered: the judge goes on without it, from RTC, disks and NTP."""

    code = "clock-record-unreadable"
    fr = "Le dernier relevé de l'heure est illisible ({path}) : l'heure est rétablie sans lui, vérifiez-la."
    en = "The last record of the time is unreadable ({path}): the time is judged without it, check it."


class RecordNotSaved(ApplianceError):
    """The system disk refused the record."""

    code = "clock-record-not-saved"
    fr = "Le relevé de l'heure n'a pas pu être écrit ({path}, erreur {errno}) : vérifiez le disque système."
    en = "The record of the time could not be written ({path}, error {errno}): check the system disk."


class ChronyUnanswered(ApplianceError):
    """chronyc is there but failed, hung or answered nonsense; the kernel's own word is used instead."""

    code = "chrony-unanswered"
    fr = "Le service de l'heure ne répond pas ({why}) : vérifiez le service chrony."
    en = "The time service does not answer ({why}): check the service chrony."


class _Timeval(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """struct timex of <sys/timex.h>, Linux."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("reserved", ctypes.c_int * 11),
    )


class KernelNtp(NamedTuple):
    """What adjtimex(2) tells. Errors in microseconds. `refused`: the call failed (EPERM in a strict sandbox)."""

    unsynchronised: bool
    max_error_us: int
    estimated_error_us: int
    refused: bool = False

    @property
    def synchronised(self) -> bool:
        """NTP disciplines the kernel's clock, and has done so of late."""
        return not self.unsynchronised and not self.refused and self.max_error_us < MAX_ERROR_US


def kernel_ntp() -> KernelNtp:
    """Ask the kernel (modes = 0: reads only, no privilege needed)."""
    timex = _Timex()
    adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex
    state = int(adjtimex(ctypes.byref(timex)))
    if state < 0:
        return KernelNtp(True, 0, 0, refused=True)
    unsynchronised = state == _TIME_ERROR or bool(timex.status & _STA_UNSYNC)
    return KernelNtp(unsynchronised, int(timex.maxerror), int(timex.esterror))


def chrony(program: str = "chronyc", timeout_s: float = CHRONYC_S) -> Ntp | None:
    """Chrony's own word: synchronised, and by how many agreeing servers. None when chrony is not installed.

    Raises ChronyUnanswered. Servers that agree are those chrony selected or combines (`*`, `+`; chronyc(1)).
    """
    tracking = _chronyc(program, "tracking", timeout_s)
    sources = None if tracking is None else _chronyc(program, "sources", timeout_s)
    if tracking is None or sources is None:
        return None
    row = tracking.strip().split(",")
    if len(row) <= _TRACKING_LEAP:
        raise ChronyUnanswered(why="tracking")
    agreeing = {source[2] for line in sources.splitlines() if len(source := line.split(",")) > 2 and source[1] in "*+"}
    return Ntp(row[_TRACKING_LEAP] != "Not synchronised" and bool(agreeing), max(1, len(agreeing)))


def _chronyc(program: str, command: str, timeout_s: float) -> str | None:
    try:
        done = subprocess.run(
            [program, "-c", "-n", command], capture_output=True, text=True, timeout=timeout_s, check=True
        )
    except FileNotFoundError:
        return None
    except subprocess.TimeoutExpired as error:
        raise ChronyUnanswered(why=f"{timeout_s:g} s") from error
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError) as error:
        raise ChronyUnanswered(why=command) from error
    return done.stdout


def read_rtc(path: Path = RTC) -> int | None:
    """UTC microseconds by the RTC, to the second; None when there is none or it does not answer."""
    try:
        return int(path.read_text(encoding="ascii")) * 1_000_000
    except (OSError, ValueError):
        return None


def save_record(path: Path, record: Record) -> None:
    """Replace the saved record: temporary file, fsync, rename, fsync of the folder. Raises RecordNotSaved."""
    text = json.dumps({"version": RECORD_VERSION, **asdict(record)}, default=bytes.hex, separators=(",", ":"))
    line = f"{text} {zlib.crc32(text.encode()):08x}\n"
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("w", encoding="ascii") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise RecordNotSaved(path=str(path), errno=error.errno or 0) from error


def load_record(path: Path) -> Record | None:
    """The saved record; None at first boot, and (logged by name) when what is there does not hold."""
    try:
        return _decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.error("%s (%s)", RecordUnreadable(path=str(path)), error)  # noqa: TRY400 (expected: no trace)
        return None


def _decode(data: bytes) -> Record:
    text, _, crc = data.decode("ascii").rstrip("\n").rpartition(" ")
    if f"{zlib.crc32(text.encode()):08x}" != crc:
        raise ValueError("crc")
    values = json.loads(text)
    if values.pop("version") != RECORD_VERSION or set(values) != {field.name for field in fields(Record)}:
        raise ValueError("version")
    for name in ("boot_id", "disputed_boot"):
        values[name] = None if values[name] is None else bytes.fromhex(values[name])
    for name in ("anchor", "rtc", "synced", "confirmed", "expiry"):
        stamp = values[name]
        values[name] = None if stamp is None else Stamp(int(stamp[0]), int(stamp[1]), bytes.fromhex(stamp[2]))
    return Record(**values)


class TimeSource:
    """Reads every source at one instant. Blocks up to two `CHRONYC_S`: `await asyncio.to_thread(source.facts, ...)`."""

    def __init__(
        self,
        clock: Clock,
        rtc: Path = RTC,
        kernel: Callable[[], KernelNtp] = kernel_ntp,
        servers: Callable[[], Ntp | None] = chrony,
    ) -> None:
        self._clock = clock
        self._rtc = rtc
        self._kernel = kernel
        self._servers = servers
        self._chrony_failed = False

    def facts(self, record: Record | None, evidence: tuple[Evidence, ...], confirmed: Stamp | None) -> Facts:
        """What the judgement looks at, now."""
        ntp = self._ntp()
        rtc_us = read_rtc(self._rtc)
        now = stamp_of(self._clock)
        return Facts(now, rtc_us, ntp, record, evidence, confirmed)

    def _ntp(self) -> Ntp:
        """Both must say "synchronised" where both are there: the kernel's flag outlives a daemon that died."""
        kernel = self._kernel()
        try:
            servers = self._servers()
        except ChronyUnanswered as error:
            if not self._chrony_failed:
                log.warning("%s", error)
            self._chrony_failed = True
            servers = None
        else:
            if self._chrony_failed:
                log.info("chrony answers again")
            self._chrony_failed = False
        if servers is None or kernel.refused:
            return servers or Ntp(kernel.synchronised)
        return Ntp(kernel.synchronised and servers.synchronised, servers.servers)


def host_source(clock: Clock) -> TimeSource:
    """A source that takes the machine's clock as verified: demonstration and development only."""
    return TimeSource(clock, Path(os.devnull), lambda: KernelNtp(False, 0, 0), lambda: Ntp(True, 2))


def stamp_of(clock: Clock) -> Stamp:
    """This instant by both clocks; also what a person's "the time shown is right" is kept as."""
    return Stamp(clock.utc_us(), clock.monotonic_us(), clock.boot_id)
