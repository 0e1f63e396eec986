"""Answers in the style of many makes of cameras and servers, each wrong or particular in its own way.

Written by us after what such devices send; none is a recording. `$APPLIANCE_ASSETS/rtsp-samples` has recordings.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from appliance.media.stream import Codec
from tests.peers.conversation import PLAIN
from tests.peers.h264_rtp import PPS, SPS

H265_VPS: Final = bytes.fromhex("40010c01ffff01600000030090000003000003001e9598090000")
H265_SPS: Final = bytes.fromhex(
    "420101016000000300900000030000030078a003c08010e596566924caf010100000030010000003019080"
)
H265_PPS: Final = bytes.fromhex("4401c172b46240")


def base64(*sets: bytes) -> str:
    """Parameter sets as fmtp has them."""
    return ",".join(b64encode(nal).decode() for nal in sets)


SETS: Final = base64(SPS, PPS)
FMTP: Final = f"a=fmtp:96 packetization-mode=1;profile-level-id=4D0029;sprop-parameter-sets={SETS}"
FMTP_265: Final = f"a=fmtp:96 sprop-vps={base64(H265_VPS)};sprop-sps={base64(H265_SPS)};sprop-pps={base64(H265_PPS)}"
METADATA: Final = ("m=application 0 RTP/AVP 107", "a=rtpmap:107 vnd.onvif.metadata/90000", "a=control:trackID=3")
SOUND: Final = ("m=audio 0 RTP/AVP 8", "a=rtpmap:8 PCMA/8000", "a=control:trackID=2")
BACK: Final = ("m=audio 0 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=control:trackID=5", "a=sendonly")


def described(
    *headers: str, sdp: Sequence[str], length: int | None = 0, newline: str = "\r\n", sdp_newline: str = "\r\n"
) -> bytes:
    """An answer to DESCRIBE. `length`: added to the true Content-Length, None for none."""
    body = sdp_newline.join([*sdp, ""]).encode("utf-8", "surrogateescape")
    told = () if length is None else (f"Content-Length: {len(body) + length}",)
    lines = ["RTSP/1.0 200 OK", "CSeq: 1", *headers, *told, "", ""]
    return newline.join(lines).encode() + body


def answered(*headers: str, newline: str = "\r\n") -> bytes:
    """An answer without body."""
    return newline.join(["RTSP/1.0 200 OK", "CSeq: 1", *headers, "", ""]).encode()


@dataclass(frozen=True)
class Make:
    """One device's answers, and what must come of them: URLs of SETUP and PLAY, keep-alive in seconds."""

    describe: bytes
    setup: bytes = PLAIN
    play: bytes = PLAIN
    track: str = "rtsp://192.168.1.10:554/stream/trackID=1"
    aggregate: str = "rtsp://192.168.1.10:554/stream"
    codec: Codec = "h264"
    sets: int = 2
    keep_alive_s: float = 30.0
    audio: bool = False
    in_pieces: bool = True  # whether it is understood when it comes byte by byte, too


TYPE: Final = "Content-Type: application/sdp"
HEAD: Final = ("v=0", "o=- 1 1 IN IP4 192.168.1.10", "s=Media", "t=0 0")
VIDEO: Final = ("m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", FMTP, "a=control:trackID=1")
_HIK: Final = "rtsp://192.168.1.10:554/Streaming/Channels/101/"
_AXIS: Final = "rtsp://192.168.1.10/axis-media/media.amp"
_BOSCH: Final = "rtsp://192.168.1.10/rtsp_tunnel/"
_HANWHA: Final = "rtsp://192.168.1.10:554/profile2/media.smp"

MAKES: Final[Mapping[str, Make]] = {
    "Hikvision: absolute controls with a query, metadata, blanks in Session": Make(
        described(
            TYPE, f"Content-Base: {_HIK}",
            sdp=(*HEAD, "e=NONE", "b=AS:5050", f"a=control:{_HIK}?transportmode=unicast&profile=Profile_1",
                 "m=video 0 RTP/AVP 96", "c=IN IP4 0.0.0.0", "a=recvonly", "a=x-dimensions:1920,1080",
                 f"a=control:{_HIK}trackID=1?transportmode=unicast&profile=Profile_1", "a=rtpmap:96 H265/90000",
                 FMTP_265, *METADATA, "a=Media_header:MEDIAINFO=494D4B48;", "a=appversion:1.0"),
        ),
        answered('Session:        1185050183;timeout=60',
            'Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= 2c7d8b1;mode="play"'),
        answered("Session:        1185050183",
            f"RTP-Info: url={_HIK}trackID=1?transportmode=unicast;seq=0;rtptime=0",
            "Date:  Wed, May 05 2021 21:51:17 GMT"),
        f"{_HIK}trackID=1?transportmode=unicast&profile=Profile_1", f"{_HIK}?transportmode=unicast&profile=Profile_1",
        "h265", 3,
    ),
    "Dahua: base with a query and a slash, sound, metadata": Make(
        described(
            "x-Accept-Dynamic-Rate: 1", "Content-Base: rtsp://192.168.1.10:554/cam/realmonitor?channel=1&subtype=0/",
            "Cache-Control: must-revalidate", TYPE,
            sdp=(*HEAD, "a=control:*", "a=packetization-supported:DH", "a=range:npt=now-", "m=video 0 RTP/AVP 96",
                 "a=control:trackID=0", "a=framerate:25.000000", "a=rtpmap:96 H264/90000", FMTP, "a=recvonly",
                 *SOUND),
        ),
        answered("Session: 136527041864;timeout=60", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=30A98EE7",
            "x-Dynamic-Rate: 1"),
        answered("Session: 136527041864", "Range: npt=0.000000-", "RTP-Info: url=trackID=0;seq=1;rtptime=2"),
        "rtsp://192.168.1.10:554/cam/realmonitor?channel=1&subtype=0/trackID=0",
        "rtsp://192.168.1.10:554/cam/realmonitor?channel=1&subtype=0/", audio=True,
    ),
    "Axis: GStreamer underneath, base without its port, clocks named": Make(
        described(
            TYPE, f"Content-Base: {_AXIS}/", "Server: GStreamer RTSP server", "Date: Wed, 05 May 2021 21:51:17 GMT",
            sdp=(*HEAD, "i=rtsp-server", "a=tool:GStreamer", "a=type:broadcast", "a=range:npt=now-",
                f"a=control:{_AXIS}",
                 "m=video 0 RTP/AVP 96", "c=IN IP4 0.0.0.0", "b=AS:50000", "a=rtpmap:96 H264/90000", FMTP,
                 "a=ts-refclk:local", "a=mediaclk:sender", "a=recvonly", f"a=control:{_AXIS}/stream=0",
                 "a=framerate:25.000000", "a=transform:1.000000,0.000000,0.000000;0.000000,1.000000,0.000000"),
        ),
        answered('Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=315460DA;mode="PLAY"',
            "Session: e8ZbwqPXA8hRfqIF;timeout=60"),
        answered(f"RTP-Info: url={_AXIS}/stream=0;seq=1;rtptime=0", "Range: npt=now-",
            "Session: e8ZbwqPXA8hRfqIF;timeout=60"),
        f"{_AXIS}/stream=0", _AXIS,
    ),
    "Axis, older: no blank after colons, session-wide bandwidth": Make(
        described(
            f"Content-Base:{_AXIS}/", "Content-Type:application/sdp",
            sdp=("v=0", "o=- 1188340656180883 1 IN IP4 192.168.1.10", "s=Media Presentation", "e=NONE",
                "c=IN IP4 0.0.0.0",
                 "b=AS:8000", "t=0 0", "a=control:*", "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
                 f"a=fmtp:96 packetization-mode=1; profile-level-id=420029; sprop-parameter-sets={SETS}",
                 "a=control:trackID=1"),
        ),
        answered("Session:0123456789;timeout=20", "Transport:RTP/AVP/TCP;unicast;mode=play;interleaved=0-1"), PLAIN,
        f"{_AXIS}/trackID=1", f"{_AXIS}/", keep_alive_s=10.0,
    ),
    "Bosch: multicast address in the media, metadata and back channel": Make(
        described(
            "Server: VCS IP Camera", f"Content-Base: {_BOSCH}", TYPE,
            sdp=("v=0", "o=- 0 0 IN IP4 192.168.1.10", "s=LIVE VIEW", "c=IN IP4 0.0.0.0", "t=0 0",
                f"a=control:{_BOSCH}",
                 "m=video 0 RTP/AVP 35", "a=rtpmap:35 H264/90000",
                 f"a=control:{_BOSCH}?p=0&h26x=4&vcd=2&stream=video",
                 "a=recvonly", f"a=fmtp:35 packetization-mode=1;profile-level-id=4d4028;sprop-parameter-sets={SETS}",
                 *METADATA, *BACK),
        ),
        answered("Session: 22136542;timeout=60", "Transport: RTP/AVP/TCP;interleaved=0-1;unicast;ssrc=0000F12A"),
            PLAIN,
        f"{_BOSCH}?p=0&h26x=4&vcd=2&stream=video", _BOSCH, audio=True,
    ),
    "Hanwha: control with a path, H.265, several lines of fmtp": Make(
        described(
            "Date: Wed, 05 May 2021 21:51:17 GMT", "Expires: Wed, 05 May 2021 21:51:17 GMT",
            f"Content-Base: {_HANWHA}/", TYPE,
            "x-Accept-Retransmit: our-retransmit",
            sdp=(*HEAD, "i=H.265", "a=type:broadcast", "a=control:*", "a=range:npt=now-", "m=video 40000 RTP/AVP 96",
                 "a=rtpmap:96 H265/90000", f"a=fmtp:96 sprop-vps={base64(H265_VPS)}",
                 f"a=fmtp:96 sprop-sps={base64(H265_SPS)}",
                 f"a=fmtp:96 sprop-pps={base64(H265_PPS)}", "a=control:trackID=v", "a=framesize:96 1920-1080",
                 "a=framerate:30.0"),
        ),
        answered("Session: 3475209120;timeout=60",
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=15A3B7C9;mode=PLAY"), PLAIN,
        f"{_HANWHA}/trackID=v", f"{_HANWHA}/", "h265", 3,
    ),
    "Vivotek: bare line feeds, base of another name, sound first": Make(
        described(
            TYPE, "Content-Base: rtsp://192.168.1.10/live.sdp/", newline="\n", sdp_newline="\n",
            sdp=(*HEAD, "i=RTSP server", "a=control:*", "m=audio 0 RTP/AVP 0", "a=control:trackID=4",
                "m=video 0 RTP/AVP 97",
                 "b=AS:20000", "a=rtpmap:97 H264/90000", FMTP.replace(":96", ":97"), "a=mpeg4-esid:201",
                 "a=control:trackID=1"),
        ),
        answered("Session: 12345678; timeout=80", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=play",
            newline="\n"),
        answered("Session: 12345678; timeout=80", newline="\n"),
        "rtsp://192.168.1.10/live.sdp/trackID=1", "rtsp://192.168.1.10/live.sdp/", audio=True,
    ),
    "Reolink: blank inside the base's path": Make(
        described(
            TYPE, "Content-Base: rtsp://192.168.1.10/Preview 01 main/",
            sdp=(*HEAD, "a=control:*", *VIDEO, *SOUND),
        ),
        track="rtsp://192.168.1.10/Preview 01 main/trackID=1", aggregate="rtsp://192.168.1.10/Preview 01 main/",
            audio=True,
    ),
    "Foscam: length counted with bare line feeds": Make(
        described(TYPE, length=-13, sdp=(*HEAD, "i=videoMain", "a=control:*", *VIDEO)),
        in_pieces=False,
    ),
    "a length too small by half": Make(described(TYPE, length=-200, sdp=(*HEAD, *VIDEO)), in_pieces=False),
    "a length too large": Make(described(TYPE, length=40, sdp=(*HEAD, *VIDEO))),
    "no length at all": Make(described(TYPE, length=None, sdp=(*HEAD, *VIDEO))),
    "TP-Link: a section that nobody can read, H.265": Make(
        described(
            TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP 96", "a=control:track1", "a=rtpmap:96 H265/90000", FMTP_265,
                       "m=application/TP-LINK 0 RTP/AVP smart/1/90000", "a=rtpmap:95 TP-LINK/90000",
                       "a=control:track3"),
        ),
        track="rtsp://192.168.1.10:554/stream/track1", codec="h265", sets=3,
    ),
    "Uniview: control first, sets of H.265 in one list, version in the type": Make(
        described(
            "Content-type: application/sdp; charset=utf-8", "content-base: rtsp://192.168.1.10:554/media/video1/",
            sdp=("v=0", "o=- 1001 1 IN IP4 192.168.1.10", "s=VCP IPC Realtime stream", "m=video 0 RTP/AVP 105",
                 "c=IN IP4 192.168.1.10", "a=control:rtsp://192.168.1.10:554/media/video1/video",
                 "a=rtpmap:105 H265/90000",
                 f"a=fmtp:105 profile-id=1; sprop-parameter-sets={base64(H265_VPS, H265_SPS, H265_PPS)}",
                 "a=recvonly", *METADATA),
        ),
        answered("Session: 0005A5B40005;timeout=60",
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=5000;mode=\"play\""), PLAIN,
        "rtsp://192.168.1.10:554/media/video1/video", "rtsp://192.168.1.10:554/media/video1/", "h265", 3,
    ),
    "Mobotix: no sets, a section of its own, folded headers": Make(
        described(
            "Content-Type:", " application/sdp", "Content-Base:", "\trtsp://192.168.1.10/mobotix.h264/",
            sdp=(*HEAD, "a=control:*", "m=video 0 RTP/AVP 98", "a=rtpmap:98 h264/90000",
                "a=fmtp:98 packetization-mode=1",
                 "a=control:video", "m=text 0 RTP/AVP 120", "a=rtpmap:120 mxmeta/1000", "a=control:meta"),
        ),
        track="rtsp://192.168.1.10/mobotix.h264/video", aggregate="rtsp://192.168.1.10/mobotix.h264/", sets=0,
    ),
    "live555: a longer time-out than the usual one is not relied on": Make(
        described(
            TYPE, "Content-Base: rtsp://192.168.1.10:8554/test.264/", "Date: Tue, Apr 26 2022 10:00:00 GMT",
            sdp=(*HEAD, "a=tool:LIVE555 Streaming Media v2020.06.25", "a=type:broadcast", "a=control:*",
                 "a=source-filter: incl IN IP4 * 192.168.1.10", "a=rtcp-unicast: reflection", "a=range:npt=0-",
                 "m=video 0 RTP/AVP 96", "b=AS:500", "a=rtpmap:96 H264/90000", FMTP, "a=control:track1"),
        ),
        answered("Transport: RTP/AVP/TCP;unicast;destination=192.168.1.2;source=192.168.1.10;interleaved=0-1",
            "Session: 0E9CB1D7;timeout=65"), PLAIN,
        "rtsp://192.168.1.10:8554/test.264/track1", "rtsp://192.168.1.10:8554/test.264/",
    ),
    "VLC: base without a slash, absolute controls, private lines": Make(
        described(
            TYPE, "Server: VLC/3.0.18", "Content-Base: rtsp://192.168.1.10:8554/x", "Cache-Control: no-cache",
            sdp=(*HEAD, "i=N/A", "c=IN IP4 0.0.0.0", "a=tool:vlc 3.0.18", "a=recvonly", "a=type:broadcast",
                "a=charset:UTF-8",
                 "a=control:rtsp://192.168.1.10:8554/x", "m=video 0 RTP/AVP 96", "b=RR:0", "a=rtpmap:96 H264/90000",
                 f"a=fmtp:96 packetization-mode=1;profile-level-id=64001f;sprop-parameter-sets={SETS};",
                 "a=control:rtsp://192.168.1.10:8554/x/trackID=0"),
        ),
        answered("Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=0A1B2C3D;mode=play",
            "Session: 8f3b0c0a1e7d4c5b;timeout=60"), PLAIN,
        "rtsp://192.168.1.10:8554/x/trackID=0", "rtsp://192.168.1.10:8554/x",
    ),
    "mediamtx: session without a time-out, long lines": Make(
        described(
            "Server: gortsplib", TYPE, "Content-Base: rtsp://192.168.1.10:8554/cam/",
            sdp=("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=No Name", "c=IN IP4 0.0.0.0", "t=0 0", "m=video 0 RTP/AVP 96",
                 "a=control:rtsp://192.168.1.10:8554/cam/trackID=0", "a=rtpmap:96 H264/90000", FMTP),
        ),
        answered("Server: gortsplib", "Session: 8f0f4a5c9d6e4b7a",
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=AB12CD34"), PLAIN,
        "rtsp://192.168.1.10:8554/cam/trackID=0", "rtsp://192.168.1.10:8554/cam/",
    ),
    "Wowza: session named early, time-out in another case and in quotes": Make(
        described(TYPE, 'Session: 1642021126; Timeout = "40"', sdp=(*HEAD, "a=control:*", *VIDEO)), keep_alive_s=20.0,
    ),
    "Sony, Panasonic: base without a slash, relative control with a query": Make(
        described(
            TYPE, "Content-Base: rtsp://192.168.1.10/media/video1", "Supported: com.sony.hs.rtp.h264",
            sdp=(*HEAD, "m=video 0 RTP/AVP 105", "a=rtpmap:105 H264/90000", FMTP.replace(":96", ":105"),
                 "a=control:trackID=1?src=1", "a=framerate:30.000"),
        ),
        track="rtsp://192.168.1.10/media/video1/trackID=1?src=1", aggregate="rtsp://192.168.1.10/media/video1",
    ),
    "Geovision: types by number, empty attributes, no session name": Make(
        described(TYPE, sdp=("v=0", "s=", "t=", "a=", "a=:", "=", "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000 ",
            "a=fmtp:96", "a=control:trackID=1")),
        sets=0,
    ),
    "names in other cases, blanks everywhere": Make(
        described(
            "CONTENT-TYPE :  Application/SDP  ",
            sdp=(*HEAD, "M=VIDEO 0 RTP/AVP 96", " a = RTPMAP: 96  h264 / 90000 ",
                f"a=FMTP: 96\tPacketization-Mode = 1 ;  SPROP-PARAMETER-SETS = {SETS} ;",
                 "A=Control: trackID=1 "),
        ),
    ),
    "format parameters apart by commas and in quotes": Make(
        described(TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
            f'a=fmtp:96 packetization-mode=1,profile-level-id=4D0029,sprop-parameter-sets="{SETS}"',
                "a=control:trackID=1")),
    ),
    "format parameters apart by blanks, sets without padding": Make(
        described(TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000",
            f"a=fmtp:96;packetization-mode=1 sprop-parameter-sets={SETS.replace('=', '')}", "a=control:trackID=1")),
    ),
    "no clock rate, no port, Latin-1 in the name": Make(
        described(TYPE, sdp=("v=0", "s=cam\udce9ra", "m=video RTP/AVP 96", "a=rtpmap:96 H264", FMTP,
            "a=control:trackID=1")),
    ),
    "a string's end behind each line, a mark before the first": Make(
        described(TYPE + "\0", sdp=tuple(f"{line}\0" for line in ("\ufeffv=0", *HEAD[1:], *VIDEO))),
    ),
    "numbers of the section unreadable, described all the same": Make(
        described(TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP H264", "a=rtpmap:96 H264/90000", FMTP, "a=control:trackID=1")),
    ),
    "two pictures and sound both ways: the first picture is taken": Make(
        described(
            TYPE, sdp=(*HEAD, *BACK, "m=video 0 RTP/AVP 26", "a=control:jpeg", *VIDEO, "m=video 0 RTP/AVP 97",
                "a=rtpmap:97 H264/90000", "a=control:trackID=9", *METADATA),
        ),
        audio=True,
    ),
    "head and body of one camera, line ends mixed": Make(
        b"rtsp/1.0  200\nCSeq : 1\r\nContent-Type: application/sdp\n\r\n" + "\r".join((*HEAD, *VIDEO, "")).encode(),
    ),
    "an answer on the way before the answer": Make(
        b"RTSP/1.0 100 Continue\r\nCSeq: 1\r\n\r\n" + described(TYPE, sdp=(*HEAD, *VIDEO)).replace(b"CSeq: 1\r\n",
            b""),
    ),
    "OMNY, Laureii, Tapo: nonsense in RTP-Info and Transport": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO)),
        answered("Session: 5;timeout=10s", "Transport: RTP/AVP/TCP;interleaved=0 - 1;ssrc=zz;unicast;;mode"),
        answered("RTP-Info: url=;seq=;rtptime=18446744073709551615;;,;", "Range: npt=-", "Session:"),
        keep_alive_s=5.0,
    ),
    "Transport twice, commas, AVPF": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO)),
        answered("Session: abc, timeout=30", "Transport: RTP/AVPF/TCP;unicast;interleaved=0-1, RTP/AVP;unicast",
            "Transport: RTP/AVP"),
        keep_alive_s=15.0,
    ),
}  # fmt: skip
