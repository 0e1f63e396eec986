"""Stands where the picture process does: says what it was asked, makes no picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from appliance.core.errors import ApplianceError
from appliance.media.part import parse_part, verify_payload
from appliance.stills.wire import Kind

JPEG = b"\xff\xd8\xff\xe0 not really"


@dataclass
class FakeStills:
    """`asked`: which picture, of how many parts; `fails`: what it raises instead of an answer."""

    asked: list[tuple[Kind, int]] = field(default_factory=list)
    fails: ApplianceError | None = None

    async def still(self, init: bytes, parts: Sequence[bytes], which: Kind) -> bytes:
        assert init[4:8] == b"ftyp"
        parsed = [(part, parse_part(part)) for part in parts]
        assert all(verify_payload(part, one) for part, one in parsed)
        assert parsed[0][1].header.starts_keyframe
        self.asked.append((which, len(parts)))
        if self.fails is not None:
            raise self.fails
        return JPEG
