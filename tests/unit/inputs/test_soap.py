"""SOAP: the token's proof, answers and faults of both versions, values out of answers that say anything."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.inputs import answers
from appliance.inputs.errors import OnvifError, OnvifFault, OnvifPasswordRefused, OnvifXmlRefused
from appliance.inputs.soap import MEDIA, MEDIA2, answer_of, call, envelope, username_token
from appliance.inputs.xml import Node, parse
from tests.unit.inputs.test_xml import nodes

NONCE = b"\x2d\x0e\x32\x99\xe1\x16\x6d\x4e\x9f\x9b\x4b\x8f\x1d\x6b\x49\x6d"
CREATED_US = 1_284_625_928_000_000


def test_the_token_is_that_of_the_onvif_programmers_guide() -> None:
    """ONVIF Application Programmer's Guide 1.0, section 6.1.1.3: nonce, date, password "userpassword"."""
    whole = username_token("user", "userpassword", b64decode("LKqI6G/AikKCQrN0zqZFlg=="), 1_284_623_445_000_000)
    assert ">2010-09-16T07:50:45Z<" in whole
    assert ">tuOSpGlFlIXsozq4HFNeeGeFLEI=<" in whole


@given(st.text(max_size=20), st.text(max_size=20))
def test_user_and_password_never_break_the_message_and_the_password_is_not_in_it(user: str, password: str) -> None:
    text = "".join(letter for letter in user if letter.isprintable())
    secret = f"§{password}§"
    sent = envelope(call("urn:x", "Do"), username_token(text, secret, NONCE, CREATED_US))
    assert parse(sent).value("Header", "Security", "UsernameToken", "Username") == text.strip()
    assert secret.encode("utf-8", "replace") not in sent


FAULT_12 = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Sender
</s:Value><s:Subcode><s:Value>ter:{}</s:Value></s:Subcode></s:Code><s:Reason><s:Text xml:lang="en">{}</s:Text>
</s:Reason></s:Fault></s:Body></s:Envelope>"""
FAULT_11 = """<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
<faultcode>{}</faultcode><faultstring>{}</faultstring></s:Fault></s:Body></s:Envelope>"""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (FAULT_12.format("NotAuthorized", "no"), OnvifPasswordRefused),
        (FAULT_12.format("InvalidArgVal", "no such profile"), OnvifFault),
        (FAULT_11.format("wsse:FailedAuthentication", "x"), OnvifPasswordRefused),
        (FAULT_11.format("s:Client", "Sender not authorized"), OnvifPasswordRefused),
        (FAULT_11.format("s:Server", "busy"), OnvifFault),
        ("<html/>", OnvifXmlRefused),
        ("<Envelope><Body><OtherResponse/></Body></Envelope>", OnvifXmlRefused),
    ],
)
def test_faults_of_both_soaps_and_what_is_no_answer(text: str, kind: type[OnvifError]) -> None:
    with pytest.raises(kind):
        answer_of(parse(text.encode()), "GetProfiles")


@given(nodes())
def test_no_tree_makes_a_reader_of_answers_fail_otherwise(node: Node) -> None:
    _ = answers.device(node), answers.device_time(node), answers.services(node), answers.capabilities(node)
    _ = answers.user_level(node, "admin"), answers.profiles(node, MEDIA), answers.profiles(node, MEDIA2)


NUMBERS = st.one_of(st.integers(-10, 9999).map(str), st.just(""), st.text("0123456789.-x", max_size=12))


@given(st.tuples(*[NUMBERS] * 6))
def test_any_date_is_an_instant_or_unknown(parts: tuple[str, ...]) -> None:
    names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
    texts = dict(zip(names, parts, strict=True))
    date = "".join(f"<{name}>{texts[name]}</{name}>" for name in names[:3])
    time = "".join(f"<{name}>{texts[name]}</{name}>" for name in names[3:])
    told = f"<R><UTCDateTime><Time>{time}</Time><Date>{date}</Date></UTCDateTime></R>"
    utc_us = answers.device_time(parse(told.encode())).utc_us
    assert utc_us is None or -62_135_596_800_000_000 <= utc_us < 253_402_300_800_000_000
