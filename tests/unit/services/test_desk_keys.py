"""What keys mean on the second screen: two keyboards read by one kernel table, and whatever else comes by the line."""

from hypothesis import example, given
from hypothesis import strategies as st

from appliance.accounts import codes
from appliance.accounts.challenge import CODE_LENGTH
from appliance.services.console_screen import COLUMNS, ROWS
from appliance.services.desk_keys import FRENCH, PROBES, Kind, Typed

PRESSED = {printed: arrives for arrives, printed in FRENCH.items()}
"""What the kernel hands over when this key of an AZERTY keyboard is pressed."""


def typed(kind: Kind, text: str, *, french: bool) -> Typed:
    """Typed by somebody who reads their keys."""
    found = Typed(kind, FRENCH if french else {})
    found.feed("".join(PRESSED.get(each, each) if french else each for each in text).encode())
    return found


def test_the_word_tells_the_keyboard() -> None:
    for french in (False, True):
        probe = Typed(Kind.PROBE)
        probe.feed(("qwerty\r" if french else "azerty\r").encode())
        assert probe.done
        assert PROBES[probe.text] is (FRENCH if french else PROBES["azerty"])


@given(st.binary(min_size=64, max_size=64), st.booleans(), st.booleans())
def test_a_code_is_the_same_from_either_keyboard_in_any_case(signature: bytes, french: bool, low: bool) -> None:
    code = codes.encode(signature).replace("-", "")
    assert len(code) == CODE_LENGTH
    found = typed(Kind.CODE, code.lower() if low else code, french=french)
    assert codes.decode(found.text) == signature
    assert max(map(len, found.rows())) < COLUMNS


def test_digits_of_a_code_need_no_shift_key() -> None:
    found = Typed(Kind.CODE, FRENCH)
    found.feed(b"1234567890")
    assert found.text == "1234567890"
    assert typed(Kind.CODE, "1234567890", french=True).text == "1234567890"


@given(st.binary(min_size=64, max_size=64), st.integers(0, CODE_LENGTH - 1), st.sampled_from(codes.ALPHABET))
def test_one_wrong_character_is_reached_by_arrows_and_replaced(signature: bytes, at: int, wrong: str) -> None:
    code = codes.encode(signature).replace("-", "")
    found = Typed(Kind.CODE, {}, code[:at] + wrong + code[at + 1 :])
    rows, columns = divmod(CODE_LENGTH - at, 30)
    found.feed(b"\x1b[A" * rows + b"\x1b[D" * columns)
    mark = next(row for row in found.rows() if "^" in row)
    assert found.rows()[found.rows().index(mark) - 1][mark.index("^")] == wrong
    found.feed(code[at].encode() + b"\x1b[B\x1b[C" * 9 + b"\r")
    assert (found.text, found.done) == (code, True)


def test_digits_beside_a_french_keyboard_and_capitals_are_taken_in_a_name() -> None:
    found = Typed(Kind.NAME, FRENCH)
    found.feed(b"DURQND12345789")
    assert found.text == "durand12345789"


@given(st.text("abcdefghijklmnopqrstuvwxyz.-0123456789", max_size=40), st.booleans())
def test_a_name_is_what_the_keys_show(name: str, french: bool) -> None:
    assert typed(Kind.NAME, name, french=french).text == name


def test_what_is_rubbed_out_is_gone_and_arrows_are_nothing() -> None:
    found = typed(Kind.NAME, "mxy\x7f\x7f.durand", french=False)
    found.feed(b"\x1b[A\x1b[15~\x1bOP\x1b[1;5C")
    assert found.text == "m.durand"
    found.feed(b"\x15petit\rmore")
    assert (found.text, found.done) == ("petit", True)


@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from(Kind), st.booleans())
@example([b"\x03\x04\x1a\x1c\x00\xff\xfe"], Kind.NAME, False)
def test_no_bytes_do_harm(data: list[bytes], kind: Kind, french: bool) -> None:
    found = Typed(kind, FRENCH if french else {})
    for each in data:
        found.feed(each)
    rows = found.rows()
    assert all(row.isprintable() and len(row) < COLUMNS for row in rows)
    assert len(rows) <= ROWS // 4
    assert len(found.text) <= CODE_LENGTH
