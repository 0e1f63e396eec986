"""What real cameras get wrong, and where it is shown that the reader bears it.

The list is five years of reports to scottlamb/retina and Moonfire NVR; each line names the test that stands for it.

RTSP framing
    CRLF before an interleaved message
        integration/test_odd_servers.py::test_odd_servers_are_recorded
    trailing white space in headers
        unit/capture/test_message.py::test_an_answer_with_blanks_and_repeated_headers
    data on channels never assigned
        integration/test_odd_servers.py::test_odd_servers_are_recorded
    RTP between PLAY's request and answer
        integration/test_odd_servers.py::test_odd_servers_are_recorded
    channels other than those asked for
        integration/test_odd_servers.py::test_odd_servers_are_recorded
    unknown methods drop the connection
        integration/test_odd_servers.py::test_a_short_session_is_kept_alive_as_the_server_can
    answers without CSeq
        unit/capture/test_connection.py::test_an_answer_without_cseq_is_taken_in_order
URLs
    Content-Base without scheme
        unit/capture/test_message.py::test_the_base_of_a_description
    control URLs that follow no joining rule
        unit/capture/test_message.py::test_tracks_are_joined_as_cameras_expect
    no Content-Type on DESCRIBE
        integration/test_odd_servers.py::test_odd_servers_are_recorded
    redirects
        integration/test_odd_servers.py::test_a_redirect_elsewhere_is_refused
Authentication
    list of challenges, Digest not first
        unit/capture/test_auth.py::test_sha_256_before_md5_before_basic_in_any_order
    SHA-256, MD5, Basic
        integration/test_odd_servers.py::test_every_way_to_authenticate
Session
    session id changes between SETUPs
        integration/test_odd_servers.py::test_odd_servers_are_recorded
    time-outs below 30 s
        integration/test_odd_servers.py::test_a_short_session_is_kept_alive_as_the_server_can
    GET_PARAMETER and SET_PARAMETER unsupported
        integration/test_odd_servers.py::test_a_short_session_is_kept_alive_as_the_server_can
    stale sessions that leak RTP
        unit/media/test_access_unit.py::test_other_payload_types_and_sources_are_skipped
    a source that takes over for good
        unit/media/test_access_unit.py::test_a_source_that_took_over_is_followed
    TEARDOWN before close
        unit/capture/test_camera.py::test_a_camera_is_recorded_and_its_audio_never_set_up
    an answer to a keep-alive that never comes
        unit/capture/test_camera.py::test_a_camera_that_answers_no_keep_alive_goes_on_and_an_expired_session_does_not
    RTCP BYE
        integration/test_odd_servers.py::test_a_camera_that_says_goodbye_is_met_again
Transport header
    ssrc first, padded with blanks
        unit/capture/test_message.py::test_transport_headers
    RTP-Info with nonsense in it
        unit/capture/test_message.py::test_rtp_info_is_a_hint_and_drops_what_is_wrong
    RTP-Info absent or wrong, as served
        integration/test_odd_servers.py::test_odd_servers_are_recorded
SDP
    no origin line
        unit/capture/test_samples.py::test_answers_of_our_own_in_that_style
    trailing blanks in rtpmap
        unit/capture/test_sdp.py::test_any_line_end_and_attribute_order
    control before the other attributes
        unit/capture/test_sdp.py::test_any_line_end_and_attribute_order
    empty fmtp
        unit/capture/test_sdp.py::test_parameter_sets_may_be_absent_or_nonsense
    one unreadable media section
        unit/capture/test_sdp.py::test_one_unreadable_section_does_not_end_the_session
    MP2T
        unit/capture/test_sdp.py::test_what_is_not_recorded_is_named
    lines that are none
        unit/capture/test_sdp.py::test_one_unreadable_section_does_not_end_the_session
RTP
    payload type 50 of unknown kind
        unit/media/test_access_unit.py::test_other_payload_types_and_sources_are_skipped
    header extensions
        unit/media/test_access_unit.py::test_padding_extension_and_csrc_do_not_reach_the_picture
    RTCP from an unknown source
        unit/capture/test_camera.py::test_a_goodbye_of_another_source_means_nothing
H.264 packets
    sets absent or invalid in SDP
        unit/media/test_parameters.py::test_in_band_sets_win_when_those_of_sdp_do_not_parse
    sets in Annex B form
        unit/media/test_parameters.py::test_sdp_in_byte_stream_form_is_understood
    Annex B inside a single NAL packet
        unit/media/test_access_unit.py::test_a_byte_stream_inside_a_single_unit_is_divided
    start codes before each unit
        unit/media/test_access_unit.py::test_start_codes_before_each_unit_are_framing
    bytes that fill up an aggregate
        unit/media/test_access_unit.py::test_stap_a_holds_the_small_units
    extra bytes after the SPS
        unit/media/test_sps.py::test_extra_bytes_behind_the_set_do_no_harm
    reserved bit, changing type, empty fragments
        unit/media/test_access_unit.py::test_empty_fragments_reserved_bits_and_changing_types_are_borne
    marker bit on SEI
        unit/media/test_access_unit.py::test_a_marker_on_sei_ends_nothing
H.265 packets
    TrailN as single NAL unit
        unit/media/test_access_unit_h265.py::test_a_trailing_picture_of_type_0_in_a_single_packet
    changing type and empty fragments
        unit/media/test_access_unit_h265.py::test_changing_types_and_empty_fragments_are_borne
    marker bit on SEI
        unit/media/test_access_unit_h265.py::test_a_marker_on_sei_ends_nothing
    profile-tier-level with sub-layers
        unit/media/test_hevc.py::test_a_set_with_everything_before_its_timing
    inter reference picture set prediction
        unit/media/test_hevc.py::test_a_set_with_everything_before_its_timing
    scaling lists
        unit/media/test_hevc.py::test_a_set_with_everything_before_its_timing
    sets of real cameras (Dahua, TP-Link, Anjvision)
        unit/capture/test_samples.py::test_descriptions_of_real_cameras
Parameter change
    in band, right after PLAY
        unit/capture/test_runs.py::test_parameters_that_change_before_the_first_keyframe_are_no_change
    in mid-stream
        integration/test_codecs.py::test_settings_that_change_open_another_run_and_lose_no_picture
Timestamps
    jumps and resets
        unit/capture/test_runs.py::test_a_jump_of_media_time_begins_a_run
    sender reports of 1970
        unit/capture/test_timeline.py::test_a_camera_that_was_never_told_the_time_is_unknown
Answers in the style of eighty makes, whole and byte by byte
    head, description, addresses, time-outs, lengths that are wrong
        unit/capture/test_makes.py::test_each_make_is_understood
    addresses of a track that only the standard's rule joins
        unit/capture/test_makes.py::test_a_track_is_at_last_asked_for_where_the_standard_joins_it
    live video that has no beginning
        unit/capture/test_makes.py::test_live_video_that_has_no_beginning_is_played_without_one
    a whole that the camera does not know by its own name
        unit/capture/test_makes.py::test_the_whole_that_the_camera_does_not_know_by_its_own_name_is_played_by_the_tracks_or_ours
    a nonce for each request
        unit/capture/test_makes.py::test_a_nonce_for_each_request_is_followed_said_to_be_stale_or_not
    ways to ask for a password
        unit/capture/test_makes.py::test_each_way_to_ask_for_a_password_is_answered
    a base that the camera itself does not know
        unit/capture/test_makes.py::test_a_track_unknown_under_the_named_base_is_asked_for_under_the_one_that_was_reached
    a realm in ISO 8859-1
        unit/capture/test_makes.py::test_a_realm_that_is_no_utf_8_is_digested_and_sent_back_as_it_came
    pings of the camera's own
        unit/capture/test_connection.py::test_requests_of_the_camera_are_answered_and_the_stream_goes_on
Any rate and any group
    3 to 60 pictures a second, groups of half a second to ten seconds
        unit/capture/test_groups.py::test_any_rate_and_any_group_is_one_run
Nonsense at full speed
    packets, reports, requests, blanks, pictures that no camera sends so many of
        integration/test_hostile_camera.py::test_a_flood_costs_the_others_nothing
GStreamer's server
    Digest, groups with B-frames, the end of a clip
        integration/test_capture_gst.py::test_every_nal_unit_of_the_clip_arrives
    Basic, sound beside
        integration/test_odd_gst.py::test_it_is_kept_whole_whatever_it_is_served_with
    RTSP over TLS
        integration/test_odd_gst.py::test_over_tls_it_is_believed_by_fingerprint_or_authority
    only UDP
        integration/test_odd_gst.py::test_one_that_knows_only_udp_is_read_by_the_compatible_reader
VLC's server
    UDP by broadcast
        integration/test_capture_vlc.py::test_a_broadcast_of_vlc_is_recorded_bit_for_bit
Transport
    only UDP
        integration/test_compatible_reader.py::test_a_camera_that_knows_only_udp_is_read_after_the_native_reader_was_refused
"""

import re

import pytest

from tests.peers.need import ROOT

LINES = re.findall(r"^    (\S.*)\n        (\S+\.py)::(test_\w+)$", __doc__ or "", re.MULTILINE)


def test_every_line_of_the_list_names_a_test() -> None:
    plain = [line for line in (__doc__ or "").splitlines() if re.match(" {4}\\S", line)]
    assert len(LINES) == len(plain) > 45


@pytest.mark.parametrize(("quirk", "file", "test"), LINES)
def test_the_test_of_a_quirk_is_there(quirk: str, file: str, test: str) -> None:
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    assert re.search(rf"^(?:async )?def {test}\(", text, re.MULTILINE), quirk
