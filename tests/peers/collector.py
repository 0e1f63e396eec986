"""The other end of a depacketiser: what tests of both codecs hand packets to."""

from dataclasses import dataclass, field
from typing import ClassVar

from appliance.media.depacketiser import Depacketiser, Picture


@dataclass
class Collector:
    """Collects pictures of a depacketiser; `take` hands over packets one by one, `stream` as the connection would."""

    kind: ClassVar[type[Depacketiser]]
    pictures: list[Picture] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.depacketiser = self.kind(96, self.pictures.append, self.gaps.append)

    def take(self, *packets: bytes) -> None:
        for packet in packets:
            data = bytearray(b"????" + packet)
            self.depacketiser.packet(data, memoryview(data), 4, len(data))

    def stream(self, data: bytes) -> None:
        buffer, pos = bytearray(data), 0
        view = memoryview(buffer)
        while pos < len(buffer):
            stop = pos + 4 + int.from_bytes(buffer[pos + 2 : pos + 4], "big")
            self.depacketiser.packet(buffer, view, pos + 4, stop)
            pos = self.depacketiser.fragments(view, stop, len(buffer), 0x2400)

    @property
    def units(self) -> list[bytes]:
        return [bytes(picture.data) for picture in self.pictures]
