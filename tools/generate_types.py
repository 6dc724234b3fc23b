"""The types of the API in TypeScript, made from the OpenAPI description: shapes, and one entry for each operation.

Knows as much of JSON Schema as our description uses; `tools/generate_references.py` writes and compares the file.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
NAMES: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
HEAD: Final = """\
// Generated from docs/openapi.json by `make docs`; not by hand.

export interface Page<T> {
  items: T[];
  next_page: string | null;
  limit: number;
}
"""


def render_types(description: Mapping[str, Any], event_types: Iterable[str]) -> str:
    """Return the whole file; `event_types` are those that this version knows."""
    schemas: Mapping[str, Schema] = description["components"]["schemas"]
    operations = list(_operations(description))
    asked = _reached(schemas, _names_in([each.get("requestBody", {}) for _, each in operations]))
    parts = [
        *(_shape(name, schema, partly=name in asked) for name, schema in schemas.items()),
        f"export interface Operations {{\n{''.join(_operation(*each) for each in operations)}}}\n\n",
        f"export const EVENT_TYPES = {json.dumps(list(event_types))} as const;\n",
    ]
    return f"{HEAD}\n{''.join(parts)}"


def _operations(description: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Those that answer with JSON or nothing, by method and path."""
    for path, methods in description["paths"].items():
        for method, each in methods.items():
            if '"schema"' in json.dumps({**each["responses"], "default": None}) or "204" in each["responses"]:
                yield f"{method.upper()} {path}", each


def _names_in(value: Any) -> set[str]:
    """The shapes that a part of the description refers to."""
    if isinstance(value, Mapping):
        own = {value["$ref"].rpartition("/")[2]} if "$ref" in value else set()
        return own.union(*map(_names_in, value.values()))
    return set().union(*map(_names_in, value)) if isinstance(value, list) else set()


def _reached(schemas: Mapping[str, Schema], names: set[str]) -> set[str]:
    """These shapes and all that stand in them."""
    known: set[str] = set()
    while names - known:
        known |= names
        names = set().union(*(_names_in(schemas[name]) for name in names))
    return known


def _shape(name: str, schema: Schema, *, partly: bool) -> str:
    """An interface. What is asked may leave out what is not required; an answer, but for a problem, has everything."""
    if "properties" not in schema:
        return f"export type {name} = {_type(schema)};\n\n"
    required = schema.get("required", ())
    optional = partly or name == "Problem"
    lines = (
        f"  {field}{'?' if optional and field not in required else ''}: {_type(about)};\n"
        for field, about in schema["properties"].items()
    )
    return f"export interface {name} {{\n{''.join(lines)}}}\n\n"


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(map(_type, schema["anyOf"])))
    return _plain(schema)


def _plain(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(NAMES[one] for one in kind)
    if kind == "array":
        inner = _type(schema.get("items") or {})
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kind == "object":
        page = schema.get("properties", {}).get("items")
        if page is not None:
            return f"Page<{_type(page['items'])}>"
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values) if isinstance(values, Mapping) else 'unknown'}>"
    return NAMES.get(str(kind), "unknown")


def _operation(name: str, each: Schema) -> str:
    parts = {
        "path": _parameters(each, "path"),
        "query": _parameters(each, "query"),
        "body": _body(each),
        "answer": _answer(each),
    }
    return f'  "{name}": {{ {"; ".join(f"{key}: {value}" for key, value in parts.items())} }};\n'


def _parameters(each: Schema, place: str) -> str:
    found = [one for one in each["parameters"] if one["in"] == place]
    fields = (f"{json.dumps(one['name'])}{'' if one['required'] else '?'}: {_type(one['schema'])}" for one in found)
    return f"{{ {'; '.join(fields)} }}" if found else "{}"


def _body(each: Schema) -> str:
    content = each.get("requestBody", {}).get("content")
    return _type(content["application/json"]["schema"]) if content else "undefined"


def _answer(each: Schema) -> str:
    kinds = [
        _type(content.get("application/json", {}).get("schema", {}))
        for status, answer in each["responses"].items()
        if status != "default" and (content := answer.get("content"))
    ]
    return " | ".join(dict.fromkeys(kinds)) or "undefined"
