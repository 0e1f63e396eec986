"""XML of strangers: a small tree, or OnvifXmlRefused. Memory and time grow with the bytes, which are bounded.

A document type is refused as soon as it begins, so no entity is ever defined, expanded or fetched ("billion laughs",
external entities: expat does neither without one). Depth, elements and attributes have limits. Names are matched
without their namespace, since cameras get prefixes and versions of it wrong; it is kept to write an element back.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from appliance.inputs.errors import OnvifXmlRefused

MAX_BYTES: Final = 1 << 20
"""Octets of an answer. Profiles of a recorder with 32 channels are some 300 kB; a camera's are under 60."""

MAX_DEPTH: Final = 48
"""Elements within elements; ONVIF's deepest answer has 14."""

MAX_ELEMENTS: Final = 20_000
"""In one document: 32 channels have some 8 000. A node is about 0.5 kB, the tree 10 MB at the most."""

MAX_ATTRIBUTES: Final = 64
"""Of one element, declarations of namespaces apart; ONVIF's have under 10."""

MAX_WORDS: Final = 96
"""Characters of anything that a camera wrote and a person reads."""


@dataclass(slots=True)
class Node:
    """One element. `text`: all of its own text, not its children's."""

    namespace: str
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    text: str = ""
    children: list["Node"] = field(default_factory=list)

    def find(self, *path: str) -> "Node | None":
        """The first descendant by the local names from here down, or None."""
        if not path:
            return self
        for child in self.children:
            if child.name == path[0]:
                found = child.find(*path[1:])
                if found is not None:
                    return found
        return None

    def every(self, name: str) -> "Iterator[Node]":
        """All descendants of a local name, in the document's order."""
        for child in self.children:
            if child.name == name:
                yield child
            yield from child.every(name)

    def value(self, *path: str) -> str:
        """Trimmed text of a descendant; empty when it is not there."""
        found = self.find(*path)
        return "" if found is None else found.text.strip()

    def number(self, *path: str) -> int | None:
        """The text as a whole number of up to nine digits, 25.0 included; else None."""
        text = self.value(*path).partition(".")[0]
        return int(text) if text.isascii() and text.lstrip("-").isdecimal() and len(text) <= 9 else None

    def written(self, name: str | None = None) -> str:
        """The element as XML again, each with its own namespace; `name` instead of its own one."""
        tag = name or self.name
        given = "".join(f" {key}={quoteattr(value)}" for key, value in self.attributes.items() if ":" not in key)
        inner = escape(self.text) if not self.children else "".join(child.written() for child in self.children)
        space = f" xmlns={quoteattr(self.namespace)}"
        return f"<{tag}{space}{given}>{inner}</{tag}>"


class _Builder:
    def __init__(self) -> None:
        self.root = Node("", "")
        self._open = [self.root]
        self._texts: list[list[str]] = [[]]
        self._elements = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            _refuse("too many elements")
        if len(self._open) > MAX_DEPTH:
            _refuse("too deep")
        if len(attributes) > MAX_ATTRIBUTES:
            _refuse("too many attributes")
        space, _, local = name.rpartition(" ")
        node = Node(space, local, {key.rpartition(" ")[2]: value for key, value in attributes.items()})
        self._open[-1].children.append(node)
        self._open.append(node)
        self._texts.append([])

    def end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())

    def characters(self, text: str) -> None:
        self._texts[-1].append(text)


def _refuse(reason: str) -> NoReturn:
    raise OnvifXmlRefused(reason=reason)


def _doctype(_name: str, _system: str | None, _public: str | None, _internal: bool) -> None:
    _refuse("document type")


def parse(data: bytes) -> Node:
    """The root element. Raises OnvifXmlRefused, nothing else.

    Whatever encoding the document names, it is read as UTF-8 (SOAP 1.2), else as ISO 8859-1, which old firmware sends.
    """
    if len(data) > MAX_BYTES:
        _refuse("too long")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    builder = _Builder()
    parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
    parser.buffer_text = True
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = _doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(text.encode("utf-8"), True)
    except expat.ExpatError as error:
        raise OnvifXmlRefused(reason=f"not well-formed, line {error.lineno}") from error
    return builder.root.children[0]


def clean(text: str, limit: int = MAX_WORDS) -> str:
    """What a camera wrote, for a terminal, a log or a file: printable, on one line, cut to `limit` characters."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text[: limit * 4])
    return " ".join(kept.split())[:limit]
