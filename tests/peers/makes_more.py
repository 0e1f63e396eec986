"""More answers in the style of makes of cameras, of recorders that pass cameras on, and of servers.

As in `makes`: written by us after what such devices send, wrong or particular each in its own way.
"""

from collections.abc import Mapping
from typing import Final

from tests.peers.conversation import PLAIN
from tests.peers.h264_rtp import PPS, SPS
from tests.peers.makes import (
    BACK,
    FMTP,
    FMTP_265,
    H265_PPS,
    H265_SPS,
    H265_VPS,
    HEAD,
    METADATA,
    SETS,
    SOUND,
    TYPE,
    VIDEO,
    Make,
    answered,
    base64,
    described,
)

_HOST: Final = "rtsp://192.168.1.10:554"
_BARE: Final = VIDEO[:3]
_XM: Final = f"{_HOST}/user=admin&password=&channel=1&stream=0.sdp?real_stream"
_AVIGILON: Final = f"{_HOST}/defaultPrimary?streamType=u"
_HIGH: Final = f"{_HOST}/h264/ch1/main/av_stream"

MORE_MAKES: Final[Mapping[str, Make]] = {
    "XM: the account in the path, two queries, length of the body in lower case": Make(
        described(
            "Server: H264DVR 1.0", "content-type: application/sdp", f"Content-Base: {_XM}/",
            sdp=(*HEAD, "a=control:*", "m=video 0 RTP/AVP 96", "a=control:trackID=0", "a=rtpmap:96 H265/90000",
                 (f"a=fmtp:96 sprop-vps={base64(H265_VPS)}; sprop-sps={base64(H265_SPS)};"
                 f" sprop-pps={base64(H265_PPS)}"),
                 "a=framerate:25", "m=audio 0 RTP/AVP 8", "a=control:trackID=1", "a=rtpmap:8 PCMA/8000/1"),
        ),
        answered("Session: 90842107;timeout=60", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=play;ssrc=0"),
        PLAIN, f"{_XM}/trackID=0", f"{_XM}/", "h265", 3, audio=True,
    ),
    "Topsee: type of the body without a subtype, sets behind an equal sign too many": Make(
        described("Content-Type: sdp", sdp=(*HEAD, "m=video 0 RTP/AVP 96", "b=AS:4000", "a=rtpmap:96 H264/90000",
            f"a=fmtp:96 profile-level-id=4D001F;packetization-mode=1;sprop-parameter-sets={SETS}===",
            "a=control:trackID=1", "a=x-codec:H264")),
    ),
    "Milesight: metadata before the picture, absolute controls": Make(
        described(
            TYPE, f"Content-Base: {_HOST}/main/", sdp=(*HEAD, f"a=control:{_HOST}/main/", *METADATA,
                "m=video 0 RTP/AVP 96", "a=rtpmap:96 H264/90000", FMTP, f"a=control:{_HOST}/main/trackID=1",
                *SOUND, "a=x-bufferdelay:0.55"),
        ),
        answered("Session: A1B2C3D4E5F60718;timeout=90"), PLAIN, f"{_HOST}/main/trackID=1", f"{_HOST}/main/",
        audio=True,
    ),
    "Tiandy: blanks behind names, time-out of seconds as words": Make(
        described("Content-Type : application/sdp", sdp=(*HEAD, "a=range:npt=now-", *VIDEO)),
        answered("Session : 4E5F; timeout = 20 sec", "Transport : RTP/AVP/TCP; unicast; interleaved = 0-1"),
        keep_alive_s=10.0,
    ),
    "Pelco: base in capitals, control with a trailing slash": Make(
        described(TYPE, "Content-Base: RTSP://192.168.1.10/stream1/", sdp=(*HEAD, "a=control:*", *_BARE,
            "a=control:trackID=1/")),
        track="RTSP://192.168.1.10/stream1/trackID=1/", aggregate="RTSP://192.168.1.10/stream1/",
    ),
    "Avigilon: multicast offered in the description, track under a query": Make(
        described(TYPE, f"Content-Base: {_AVIGILON}/", sdp=(*HEAD, "c=IN IP4 239.1.1.1/16", "a=control:*",
            "m=video 0 RTP/AVP 96", "c=IN IP4 239.1.1.1/16", *_BARE[1:], "a=control:track1", "a=fmtp:97 nothing=1")),
        track=f"{_AVIGILON}/track1", aggregate=f"{_AVIGILON}/",
    ),
    "Geovision: PT 50, a line that nobody can read, two controls of which the last counts": Make(
        described(TYPE, sdp=(*HEAD, "a=length:npt=7.712000", "m=video 0 RTP/AVP 96 50", "a=control",
            "a=rtpmap:50 X-GEO/90000", *_BARE[1:], "a=control:", "a=control:trackID=1", "x", "geo;1;2")),
    ),
    "ACTi: Latin-1 in the name, length of the body with a comment": Make(
        described(TYPE, f"Content-Base: {_HOST}/stream ;acti", length=None, sdp=("v=0", "s=cam\udce9ra entr\udce9e",
            "i=\udcff", *VIDEO)),
        track=f"{_HOST}/stream ;acti/trackID=1", aggregate=f"{_HOST}/stream ;acti",
    ),
    "Panasonic: back channel before the sound, picture last": Make(
        described(TYPE, "Supported: onvif-replay", sdp=(*HEAD, *BACK, *SOUND, *METADATA, *VIDEO, "a=framerate:15.0",
            "a=quality:5")),
        audio=True,
    ),
    "Sony: types one and two of H.264 and JPEG in one section": Make(
        described(TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP 26 105", "a=rtpmap:26 JPEG/90000", "a=rtpmap:105 H264/90000",
            FMTP.replace(":96", ":105"), "a=control:trackID=1")),
    ),
    "Vivotek: MPEG-4 first, then the one that is recorded": Make(
        described(TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP 97", "a=rtpmap:97 MP4V-ES/90000",
            "a=fmtp:97 profile-level-id=3;config=000001B003", "a=control:old", *VIDEO)),
    ),
    "Uniview: sets of H.265 told in the wrong order": Make(
        described(TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP 105", "a=rtpmap:105 H265/90000",
            f"a=fmtp:105 sprop-pps={base64(H265_PPS)}; sprop-vps={base64(H265_VPS)}; sprop-sps={base64(H265_SPS)}",
            "a=control:trackID=1")),
        codec="h265", sets=3,
    ),
    "sets of H.265 under each other's names": Make(
        described(TYPE, sdp=(*HEAD, VIDEO[0], "a=rtpmap:96 HEVC/90000", (f"a=fmtp:96 sprop-vps={base64(H265_PPS)};"
            f"sprop-sps={base64(H265_VPS)};sprop-pps={base64(H265_SPS)}"), "a=control:trackID=1")),
        codec="h265", sets=3,
    ),
    "Reolink: two pictures, the lighter one second, controls first": Make(
        described(TYPE, sdp=(*HEAD, "a=control:*", "m=video 0 RTP/AVP 96", "a=control:trackID=1", *_BARE[1:],
            "m=video 0 RTP/AVP 97", "a=control:trackID=2", "a=rtpmap:97 H264/90000")),
    ),
    "TP-Link: nothing in fmtp, mode of packets told as 0": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO[:2], "a=fmtp:96 packetization-mode=0", "a=control:trackID=1")), sets=0,
    ),
    "no rtpmap, but sets that only H.264 has": Make(
        described(TYPE, sdp=(*HEAD, VIDEO[0], FMTP, "a=control:trackID=1")),
    ),
    "no rtpmap, but sets that only H.265 has": Make(
        described(TYPE, sdp=(*HEAD, VIDEO[0], FMTP_265, "a=control:trackID=1")), codec="h265", sets=3,
    ),
    "sets that are nonsense, level without its mode": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO[:2], "a=fmtp:96 profile-level-id=;sprop-parameter-sets=,,%%,@@ @,;",
            "a=control:trackID=1")),
        sets=0,
    ),
    "sets with blanks, a comma at the end, three of them": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO[:2],
            f"a=fmtp:96 sprop-parameter-sets= {base64(SPS)} , {base64(PPS)} ,{base64(PPS)}, ; x", VIDEO[3])),
        sets=3,
    ),
    "sets behind start codes": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO[:2], "a=fmtp:96 sprop-parameter-sets="
            + base64(b"\0\0\0\1" + SPS, b"\0\0\1" + PPS), VIDEO[3])),
    ),
    "level in lower case, in brackets of quotes, tabs": Make(
        described(TYPE, sdp=(*HEAD, VIDEO[0], "a=rtpmap:96\tH264/90000/1", ("a=fmtp:96\tprofile-level-id='4d0029';\t"
            f'PACKETIZATION-MODE="1";\tsprop-parameter-sets={SETS}'), VIDEO[3])),
    ),
    "Hikvision, older: controls of a path of its own": Make(
        described(TYPE, f"Content-Base: {_HIGH}/", sdp=(*HEAD, f"a=control:{_HIGH}/", *_BARE,
            f"a=control:{_HIGH}/trackID=1", "a=Media_header:MEDIAINFO=494D4B48010100000400000000000000;")),
        track=f"{_HIGH}/trackID=1", aggregate=f"{_HIGH}/",
    ),
    "Hikvision's recorder: session named with a dollar, low storage": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO)),
        answered("Session: 1e2f$-_.+;Timeout=1").replace(b"200 OK", b"201 Created"),
        answered("Session: 1e2f$-_.+").replace(b"200 OK", b"250 Low on Storage Space"),
        keep_alive_s=2.0,
    ),
    "Dahua's recorder: time-out of nothing, tab in the session": Make(
        described(TYPE, sdp=(*HEAD, "a=range:npt=now-", *VIDEO, "a=framerate:0S")),
        answered("Session:\t77\t;\ttimeout=0"), answered("Range: npt=now-", "RTP-Info:"),
    ),
    "ZLMediaKit: types of its own, named twice": Make(
        described("Server: ZLMediaKit(git hash:abc,branch:master)", "x-Accept-Dynamic-Rate: 1", TYPE,
            f"Content-Base: {_HOST}/live/cam/", sdp=("v=0", "o=- 0 0 IN IP4 0.0.0.0", "s=Streamed by ZLMediaKit",
            "c=IN IP4 0.0.0.0", "t=0 0", "a=range:npt=now-", "a=control:*", "m=video 0 RTP/AVP 96", "b=AS:1",
            *_BARE[1:], "a=control:trackID=0", "m=audio 0 RTP/AVP 97", "a=rtpmap:97 mpeg4-generic/8000/1",
            "a=control:trackID=1")),
        answered("Session: Q2lzY28x", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=3FC2B0A1"), PLAIN,
        f"{_HOST}/live/cam/trackID=0", f"{_HOST}/live/cam/", audio=True,
    ),
    "go2rtc: no base, control of the track only": Make(
        described("Server: go2rtc/1.8.5", TYPE, sdp=("v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=go2rtc/1.8.5",
            "c=IN IP4 0.0.0.0", "t=0 0", "m=video 0 RTP/AVP 96", "a=recvonly", *_BARE[1:], "a=control:trackID=0")),
        track=f"{_HOST}/stream/trackID=0",
    ),
    "FFmpeg underneath: streamid, no session control": Make(
        described(TYPE, f"Content-Base: {_HOST}/live.sdp/", sdp=("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=No Name",
            "t=0 0", "a=tool:libavformat 60.3.100", "m=video 0 RTP/AVP 96", "b=AS:2000", *_BARE[1:],
            "a=control:streamid=0")),
        track=f"{_HOST}/live.sdp/streamid=0", aggregate=f"{_HOST}/live.sdp/",
    ),
    "sound that names a type twice, repair packets for the picture": Make(
        described(TYPE, sdp=(*HEAD, "m=video 0 RTP/AVP 97 96", "a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96",
            *_BARE[1:], "a=rtcp-fb:* nack pli", "a=control:trackID=1")),
    ),
    "the section names its port, its ports, and TCP": Make(
        described(TYPE, sdp=(*HEAD, "m=video 554/2 TCP/RTP/AVP 96", *_BARE[1:], VIDEO[3])),
    ),
    "no version, no origin, attributes of the session behind the media": Make(
        described(TYPE, sdp=("s=x", *VIDEO, "", "t=0 0", "c=IN IP4 0.0.0.0")),
    ),
    "neither type nor length, an origin first": Make(
        described(length=None, sdp=("o=- 1 1 IN IP4 0", "s=x", *VIDEO)), in_pieces=False,
    ),
    "neither type nor length, a byte order mark": Make(
        described(length=None, sdp=("\ufeffv=0", "s=x", *VIDEO)), in_pieces=False,
    ),
    "empty lines between head and description": Make(
        described(TYPE, length=None, sdp=("", "", "v=0", "s=x", *VIDEO)),
    ),
    "length told twice, once as nothing": Make(described("Content-Length: 0", TYPE, sdp=(*HEAD, *VIDEO))),
    "lines that end twice": Make(described(TYPE, sdp=(*HEAD, *VIDEO), sdp_newline="\r\r\n")),
    "base that is only a scheme": Make(described(TYPE, "Content-Base: rtsp://", sdp=(*HEAD, *VIDEO))),
    "base that is an asterisk": Make(described(TYPE, "Content-Base: *", sdp=(*HEAD, *VIDEO))),
    "base that is a path": Make(described(TYPE, "Content-Base: /stream/", sdp=(*HEAD, *VIDEO))),
    "base of HTTP": Make(described(TYPE, "Content-Base: http://192.168.1.10/", sdp=(*HEAD, *VIDEO))),
    "base in brackets, location beside it": Make(
        described(TYPE, f"Content-Location: {_HOST}/wrong/", f'Content-Base: <{_HOST}/right/>', sdp=(*HEAD, *VIDEO)),
        track=f"{_HOST}/right/trackID=1", aggregate=f"{_HOST}/right/",
    ),
    "location alone, with a query": Make(
        described(TYPE, f"Content-Location: {_HOST}/live?ch=1", sdp=(*HEAD, "a=control:*", *VIDEO)),
        track=f"{_HOST}/live?ch=1/trackID=1", aggregate=f"{_HOST}/live?ch=1",
    ),
    "control in quotes": Make(described(TYPE, sdp=(*HEAD, 'a=control:"*"', *_BARE, 'a=control:"trackID=1"'))),
    "control of the track is the whole": Make(
        described(TYPE, sdp=(*HEAD, *_BARE, "a=control:*")), track=f"{_HOST}/stream",
    ),
    "Transport: commas inside a value, before the channels": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO)), answered('Transport: RTP/AVP/TCP;mode="PLAY,RECORD";interleaved=2-3'),
    ),
    "Transport: UDP named first, then what was asked for": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO)),
        answered("Transport: RTP/AVP;unicast;client_port=1-2", "Transport: RTP/AVP/TCP;interleaved=0-1"),
    ),
    "Transport: nothing, and nothing but TCP": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO)), answered("Transport:", "Transport: TCP;Interleaved = 0"),
    ),
    "Transport: both channels in quotes, source in hexadecimal": Make(
        described(TYPE, sdp=(*HEAD, *VIDEO)),
        answered('Transport: rtp/avp/tcp ;unicast ;interleaved="0-1";ssrc="0x1A2B3C4D";source=192.168.1.10;'),
    ),
}  # fmt: skip
