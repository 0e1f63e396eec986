"""Checks a JSON value against a schema of webui/openapi.yaml: the part of JSON Schema that the contract uses.

A keyword that is not known here is an error of the test, so that nothing in the contract goes unchecked.
"""

from pathlib import Path
from typing import Any, Final

import yaml

CONTRACT: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).resolve().parents[3] / "webui" / "openapi.yaml").read_text(encoding="utf-8")
)

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_ANNOTATIONS: Final = {"description", "examples", "default", "format"}
_KNOWN: Final = {"type", "enum", "minimum", "maximum", "items", "properties", "required", "additionalProperties"}


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    """Follow $ref."""
    while "$ref" in node:
        target: Any = CONTRACT
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        node = target
    return node


def check(value: object, schema: dict[str, Any], at: str = "$") -> None:
    """AssertionError that names the place when `value` is not as the contract says."""
    schema = resolve(schema)
    unknown = set(schema) - _KNOWN - _ANNOTATIONS
    assert not unknown, f"{at}: keywords {unknown} are not checked"
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    right = any(
        isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool)) for kind in kinds
    )
    assert right, f"{at}: {value!r} is not {kinds}"
    assert "enum" not in schema or value in schema["enum"], f"{at}: {value!r} is none of {schema['enum']}"
    if isinstance(value, int | float):
        assert value >= schema.get("minimum", value), f"{at}: {value} is too small"
        assert value <= schema.get("maximum", value), f"{at}: {value} is too large"
    if isinstance(value, list):
        for number, item in enumerate(value):
            check(item, schema["items"], f"{at}[{number}]")
    if isinstance(value, dict):
        _check_object(value, schema, at)


def _check_object(value: dict[str, object], schema: dict[str, Any], at: str) -> None:
    missing = set(schema.get("required", ())) - set(value)
    assert not missing, f"{at}: {missing} missing"
    for name, item in value.items():
        known = schema.get("properties", {}).get(name, schema.get("additionalProperties", False))
        assert known, f"{at}: {name} is not in the contract"
        check(item, known, f"{at}.{name}")
