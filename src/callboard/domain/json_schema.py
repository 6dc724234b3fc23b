"""JSON Schemas that people and repositories hand in: what may be kept, and what does not fit one that is kept.

A schema that is kept refers neither to itself nor to another document, and its patterns take linear time: checking a
value against it always ends, after at most its unfolded size times the size of the value.
"""

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs

from callboard.domain.errors import InvalidRequest
from callboard.domain.text import check_tree

MAX_SCHEMA_BYTES: Final = 65_536
MAX_UNFOLDED: Final = 10_000
"""Schemas in a schema, each counted as often as it is referred to."""
MAX_STEPS: Final = 100
"""How deep one leads into another."""
MAX_PROBLEMS: Final = 10
MAX_SHOWN_BYTES: Final = 2_048
MAX_MESSAGE: Final = 500
DIALECTS: Final = frozenset(
    {
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema",
        "http://json-schema.org/draft-06/schema",
        "http://json-schema.org/draft-04/schema",
    }
)
_ONE: Final = (
    "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
    "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
)  # fmt: skip
_LIST: Final = ("allOf", "anyOf", "items", "oneOf", "prefixItems")
_NAMED: Final = ("dependencies", "dependentSchemas", "patternProperties", "properties")
_NOT_TAKEN: Final = ("$dynamicRef", "$recursiveRef", "$id", "id")


def check_schema(schema: Any, where: str) -> None:
    """InvalidRequest `invalid_schema` unless the value is a schema that may be kept; `where` is its pointer."""
    if not isinstance(schema, dict):
        raise _refused(where, "a schema here is an object")
    check_tree(schema, where)
    if len(_text(schema)) > MAX_SCHEMA_BYTES:
        raise _refused(where, f"a schema has at most {MAX_SCHEMA_BYTES} bytes")
    dialect = schema.get("$schema", "https://json-schema.org/draft/2020-12/schema")
    if not isinstance(dialect, str) or dialect.rstrip("#") not in DIALECTS:
        raise _refused(f"{where}/$schema", f"known are {', '.join(sorted(DIALECTS))}")
    _Unfolding(schema, where).size(schema, where, ())
    try:
        _validator(_text(schema))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as problem:
        place = getattr(problem, "instance_path", [])
        message = getattr(problem, "message", "") or str(problem)
        raise _refused(where + pointer_of(place), message.partition("\n")[0][:MAX_MESSAGE]) from None


def misfits(schema: dict[str, Any], value: Any, where: str = "") -> list[dict[str, Any]]:
    """What of a value does not fit a schema that is kept: pointer, message and schema of each place.

    The schema is the whole one where that is short, else the part that was not met.
    """
    text = _text(schema)
    short = len(text) <= MAX_SHOWN_BYTES
    found = []
    for error in _validator(text).iter_errors(value):
        part = schema if short else _part(schema, error.schema_path[:-1])
        message = error.message[:MAX_MESSAGE]
        found.append({"pointer": where + pointer_of(error.instance_path), "message": message, "schema": part})
        if len(found) == MAX_PROBLEMS:
            break
    return found


def pointer_of(path: list[str | int]) -> str:
    """The JSON pointer of a path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


class _Unfolding:
    """Follows a schema through all that it refers to. Raises for what it must not refer to, and when it is too much."""

    def __init__(self, root: dict[str, Any], where: str) -> None:
        self._root = root
        self._where = where
        self._sizes: dict[int, int] = {}

    def size(self, schema: Any, place: str, above: tuple[int, ...]) -> int:
        """How many schemas stand in this one, itself among them."""
        if not isinstance(schema, dict):
            return 1
        key = id(schema)
        if key in above:
            raise _refused(place, "a schema must not contain itself: it refers back to a part that it stands in")
        if len(above) > MAX_STEPS:
            raise _refused(place, f"schemas lead into each other more than {MAX_STEPS} times")
        if key not in self._sizes:
            inner = (*above, key)
            size = 1 + sum(self.size(part, where, inner) for part, where in self._parts(schema, place))
            if size > MAX_UNFOLDED:
                raise _refused(place, f"with all that it refers to it has more than {MAX_UNFOLDED} parts")
            self._sizes[key] = size
        return self._sizes[key]

    def _parts(self, schema: dict[str, Any], place: str) -> Iterator[tuple[Any, str]]:
        for name in _NOT_TAKEN:
            if isinstance(schema.get(name), str):
                raise _refused(f"{place}/{name}", f"{name} is not taken; refer with $ref to a place in the same schema")
        if isinstance(schema.get("$ref"), str):
            yield self._meant(schema["$ref"], f"{place}/$ref"), f"{place}/$ref"
        yield from _inside(schema, place)

    def _meant(self, reference: str, place: str) -> Any:
        if reference != "#" and not reference.startswith("#/"):
            raise _refused(place, "a $ref is # or #/… : a place in the same schema")
        found: Any = self._root
        for part in reference[2:].split("/") if reference != "#" else ():
            name = part.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                raise _refused(place, f"there is no {reference[:MAX_MESSAGE]} in the schema")
        return found


def _inside(schema: dict[str, Any], place: str) -> Iterator[tuple[Any, str]]:
    for name in _ONE:
        if isinstance(schema.get(name), dict):
            yield schema[name], f"{place}/{name}"
    for name in _LIST:
        if isinstance(schema.get(name), list):
            yield from ((part, f"{place}/{name}/{index}") for index, part in enumerate(schema[name]))
    for name in (*_NAMED, "$defs", "definitions"):
        if isinstance(schema.get(name), dict):
            yield from ((part, f"{place}/{name}{pointer_of([key])}") for key, part in schema[name].items())


@lru_cache(64)
def _validator(text: str) -> Any:
    return jsonschema_rs.validator_for(json.loads(text), offline=True, pattern_options=jsonschema_rs.RegexOptions())


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True)


def _part(schema: Any, path: list[str | int]) -> Any:
    """The part of a schema that a path leads to, as far as it leads and what it leads to is short."""
    for name in path:
        if name == "$ref":
            return {}
        schema = schema[name]
    return schema if len(_text(schema)) <= MAX_SHOWN_BYTES else {}


def _refused(pointer: str, message: str) -> InvalidRequest:
    return InvalidRequest(
        f"{pointer}: {message}.", code="invalid_schema", errors=[{"pointer": pointer, "message": message}]
    )
