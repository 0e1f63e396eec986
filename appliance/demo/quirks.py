"""What real RTSP servers get wrong, one by one: a simulated camera does so when it is told to.

Each was seen in the field; a well-behaved camera has none.
"""

from dataclasses import dataclass

METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN"


@dataclass(frozen=True, slots=True)
class Quirks:
    """How the camera's server is odd.

    `rtp_info`: PLAY is answered with RTP-Info; `bad_rtp_info`: with one that is nonsense. `content_base`: what DESCRIBE
    says instead of the truth, with {host} and {path} replaced; "" says nothing. `content_type`: DESCRIBE tells one.
    `methods`: what OPTIONS advertises; GET_PARAMETER and SET_PARAMETER are refused when they are not among them.
    `channels`: first interleaved channel, whatever the client asked for. `early_s`: seconds between the first packets
    and PLAY's answer. `blank_lines`: CRLF before each interleaved message. `stray_channel`: one that was never assigned
    carries data too. `new_session_ids`: each answer names another session. `padded_transport`: ssrc first, blanks
    everywhere. `no_cseq`: answers without. `moved_to`: DESCRIBE of the path "moved" is answered by 302 with this
    Location. `broken_media`: an unreadable section before the video's in the SDP. `control`: the track's address in the
    SDP, with {host} and {path} replaced. `only_udp`: RTP over the RTSP connection is refused (461).
    """

    rtp_info: bool = True
    bad_rtp_info: bool = False
    content_base: str | None = None
    content_type: bool = True
    methods: str = METHODS
    channels: int | None = None
    early_s: float = 0.0
    blank_lines: bool = False
    stray_channel: bool = False
    new_session_ids: bool = False
    padded_transport: bool = False
    no_cseq: bool = False
    moved_to: str = ""
    broken_media: bool = False
    control: str = "trackID=0"
    only_udp: bool = False

    def filled(self, template: str, port: int, path: str) -> str:
        """A template with this camera's names in it."""
        return template.format(host=f"127.0.0.1:{port}", path=path)
