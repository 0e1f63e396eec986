"""What a browser is told of a stream: the codecs string of its own parameter sets."""

import pytest

from appliance.media.boxes import init_segment
from appliance.media.parameters import parameter_sets
from appliance.media.stream import Codec
from appliance.web.media import content_type
from tests.peers.h264_rtp import PPS, SPS
from tests.peers.h265_rtp import encoded

H265 = tuple(nal for nal in encoded()[0][0] if nal[0] >> 1 in {32, 33, 34})


@pytest.mark.parametrize(("codec", "sets"), [("h264", (SPS, PPS)), ("h265", H265)])
def test_the_type_of_a_chunk_names_profile_and_level(codec: Codec, sets: tuple[bytes, ...]) -> None:
    parameters = parameter_sets(codec, sets).parameters
    assert parameters is not None
    told = content_type({"codec": codec}, init_segment(parameters, "x"))
    assert told == f'video/mp4; codecs="{parameters.rfc6381}"'
