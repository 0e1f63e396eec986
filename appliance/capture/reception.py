"""What comes in over one native session: packets to pictures, RTCP to the camera's clock."""

from collections.abc import Callable

from appliance.capture.connection import RtspConnection
from appliance.capture.errors import CameraClosed
from appliance.capture.sdp import VideoTrack
from appliance.capture.timeline import CameraClock
from appliance.media.access_unit import H264Depacketiser
from appliance.media.access_unit_h265 import H265Depacketiser
from appliance.media.depacketiser import Depacketiser, Picture
from appliance.media.input_errors import RtcpInvalid
from appliance.media.rtp import SenderReport, parse_rtcp


class Reception:
    """Until `close`. `on_picture(picture, arrival_us)` and `on_gap(arrival_us)` are called in order.

    `camera_clock`: told of sender reports of the stream's own source.
    """

    def __init__(
        self,
        connection: RtspConnection,
        track: VideoTrack,
        camera_clock: CameraClock,
        on_picture: Callable[[Picture, int], None],
        on_gap: Callable[[int], None],
    ) -> None:
        self._connection = connection
        self._camera_clock = camera_clock
        self._on_picture, self._on_gap = on_picture, on_gap
        self._open = True
        self._report: SenderReport | None = None
        kind = H264Depacketiser if track.codec == "h264" else H265Depacketiser
        self.depacketiser: Depacketiser = kind(track.payload_type, self._picture, self._gap)

    def close(self) -> None:
        """What is still on its way means nothing any more."""
        self._open = False

    def rtcp(self, data: bytes) -> None:
        """Packets of the RTCP channel."""
        if not self._open:
            return
        try:
            reports = parse_rtcp(data)
        except RtcpInvalid:
            return
        for report in reports:
            if isinstance(report, SenderReport):
                self._report = report
                self._apply_report()
            elif self.depacketiser.ssrc in report.ssrcs:
                self._connection.abort(CameraClosed(reason="the camera said goodbye"))

    def _picture(self, picture: Picture) -> None:
        if not self._open:
            return
        if self._report is not None:
            self._apply_report()
        self._on_picture(picture, self._connection.arrival_us)

    def _gap(self, _lost: int) -> None:
        if self._open:
            self._on_gap(self._connection.arrival_us)

    def _apply_report(self) -> None:
        """A sender report counts when it is of the stream's own source; it may come before the first packet."""
        report = self._report
        if report is not None and report.ssrc == self.depacketiser.ssrc:
            self._camera_clock.report(report.ntp, report.timestamp)
            self._report = None
