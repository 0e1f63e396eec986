"""XML of strangers: a tree or a named error, whatever the bytes; never an entity, never more than the limits."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.demo.onvif_quirks import Bomb
from appliance.demo.onvif_xml import bomb
from appliance.inputs.errors import OnvifXmlRefused
from appliance.inputs.xml import MAX_ATTRIBUTES, MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, MAX_WORDS, Node, clean, parse

NAMES = st.sampled_from(["Envelope", "Body", "a", "Profiles", "VideoEncoder"])
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=12)


def nodes() -> st.SearchStrategy[Node]:
    leaves = st.builds(Node, st.just("urn:x"), NAMES, st.dictionaries(NAMES, TEXTS, max_size=2), TEXTS)
    return st.recursive(
        leaves,
        lambda inner: st.builds(
            Node, st.just("urn:y"), NAMES, st.just({}), st.just(""), st.lists(inner, min_size=1, max_size=3)
        ),
        max_leaves=12,
    )


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("entities", "document type"),
        ("external", "document type"),
        ("deep", "too deep"),
        ("wide", "too many elements"),
        ("attributes", "too many attributes"),
        ("cut", "not well-formed"),
        ("gzip", "not well-formed"),
        ("text", "not well-formed"),
    ],
)
def test_each_bomb_ends_in_a_named_error_and_little_memory(kind: Bomb, reason: str) -> None:
    data = bomb(kind)
    tracemalloc.start()
    with pytest.raises(OnvifXmlRefused) as refused:
        parse(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reason in str(refused.value.facts["reason"])
    assert peak < 24 << 20


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "http://10.20.0.9/x.dtd"><a/>',
        b'<?xml version="1.0" standalone="no"?><!DOCTYPE a [<!ENTITY % p "x"> %p;]><a/>',
        "<!DOCTYPE a><a/>".encode("utf-16"),
        b"<a>&unknown;</a>",
        b"",
        b"<a" + b" " * MAX_BYTES + b"/>",
    ],
)
def test_what_has_a_document_type_or_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(OnvifXmlRefused):
        parse(data)


def test_the_limits_themselves_are_let_through() -> None:
    assert parse(b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH).name == "a"
    assert len(parse(b"<a>" + b"<b/>" * (MAX_ELEMENTS - 1) + b"</a>").children) == MAX_ELEMENTS - 1
    many = " ".join(f'a{n}="{n}"' for n in range(MAX_ATTRIBUTES))
    assert len(parse(f"<a {many}/>".encode()).attributes) == MAX_ATTRIBUTES
    for data in (b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1), b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>"):
        with pytest.raises(OnvifXmlRefused):
            parse(data)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_tree_or_the_named_error(data: bytes) -> None:
    try:
        found = parse(data)
    except OnvifXmlRefused:
        return
    assert found.name


@given(st.text("<>/&;!?[]\"'= aé%xmlDOCTYPE", max_size=80), st.sampled_from(["utf-8", "latin-1", "hex", "utf-7", "x"]))
def test_no_declared_encoding_and_no_markup_breaks_it(text: str, encoding: str) -> None:
    data = f'<?xml version="1.0" encoding="{encoding}"?>{text}'.encode("latin-1", "replace")
    try:
        parse(data)
    except OnvifXmlRefused:
        return


@given(nodes())
def test_what_is_written_back_is_what_was_read(node: Node) -> None:
    read = parse(node.written().encode())
    assert parse(read.written().encode()) == read
    assert (read.name, read.namespace) == (node.name, node.namespace)


def test_old_firmware_that_writes_latin_1_is_read() -> None:
    assert parse('<?xml version="1.0" encoding="ISO-8859-1"?><a>Caméra</a>'.encode("latin-1")).text == "Caméra"


@pytest.mark.parametrize(
    ("text", "number"), [("25", 25), ("25.0", 25), ("-3", -3), ("", None), ("x", None), ("9" * 12, None), ("٣", None)]
)
def test_numbers_are_whole_and_bounded(text: str, number: int | None) -> None:
    assert parse(f"<a><b>{text}</b></a>".encode()).number("b") == number


@given(st.text(max_size=300))
def test_clean_words_can_be_shown_on_any_terminal(text: str) -> None:
    words = clean(text)
    assert len(words) <= MAX_WORDS
    assert words.isprintable()


def test_an_escape_sequence_and_a_reversed_word_do_not_reach_the_terminal() -> None:
    assert clean("Cam\x1b[2J\u202eera\r\nX") == "Cam [2J era X"
