"""What bytes from a camera can have wrong. The facts say what and where, so that a report is of use."""

from appliance.core.errors import ApplianceError


class NalInvalid(ApplianceError):
    """A NAL unit or its framing is broken (ISO/IEC 14496-10 section 7.3.1)."""

    code = "nal-invalid"
    fr = "Unité vidéo illisible : {reason}. Vérifiez les réglages vidéo de la caméra."
    en = "Unreadable NAL unit: {reason}. Check the camera's video settings."


class SpsInvalid(ApplianceError):
    """A sequence parameter set that the standard does not allow (ISO/IEC 14496-10 section 7.3.2.1)."""

    code = "sps-invalid"
    fr = "Paramètres vidéo (SPS) illisibles : {reason}. Changez le profil H.264 de la caméra ou mettez-la à jour."
    en = "Unreadable video parameters (SPS): {reason}. Change the camera's H.264 profile or update it."


class RtpInvalid(ApplianceError):
    """A packet that is not RTP (RFC 3550 section 5.1)."""

    code = "rtp-invalid"
    fr = "Paquet RTP illisible : {reason}. Vérifiez le réseau des caméras."
    en = "Unreadable RTP packet: {reason}. Check the camera network."


class RtcpInvalid(ApplianceError):
    """A packet that is not RTCP (RFC 3550 section 6.4)."""

    code = "rtcp-invalid"
    fr = "Paquet RTCP illisible : {reason}. La caméra enregistre ; son horloge n'est pas connue."
    en = "Unreadable RTCP packet: {reason}. Recording goes on; the camera's clock is not known."
