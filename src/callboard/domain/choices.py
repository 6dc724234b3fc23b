"""The values that one place of a struct takes, out of the schema of its kind: said where another one came. Pure."""

import functools
from collections.abc import Iterator
from typing import Any, Final

import msgspec

Schema = dict[str, Any]


NO_CHOICE: Final = "Invalid enum value"
"""How msgspec's complaint about a value that is none of them begins."""


def choices_at(kind: type[msgspec.Struct], pointer: str) -> list[str]:
    """What the place of a JSON pointer may be, in the order of the alphabet; empty where no list says it."""
    whole = _schema(kind)
    parts = [whole]
    for step in pointer.split("/")[1:]:
        parts = [child for part in parts for plain in _plain(whole, part) for child in _below(plain, step)]
    found = [value for part in parts for plain in _plain(whole, part) for value in plain.get("enum", ())]
    return [str(value) for value in dict.fromkeys(found) if value is not None]


def with_choices(complaint: str, kind: type[msgspec.Struct], pointer: str) -> str:
    """A complaint of msgspec about the place of a JSON pointer; where it is about a choice, with what there is."""
    allowed = choices_at(kind, pointer) if complaint.startswith(NO_CHOICE) else []
    return f"{complaint}; it is one of {', '.join(allowed)}" if allowed else complaint


@functools.cache
def _schema(kind: type[msgspec.Struct]) -> Schema:
    return msgspec.json.schema(kind)


def _plain(whole: Schema, part: Schema) -> Iterator[Schema]:
    """The part itself, or what it refers to, or each that it may be."""
    if "$ref" in part:
        yield from _plain(whole, whole["$defs"][part["$ref"].rpartition("/")[2]])
    elif "anyOf" in part:
        for one in part["anyOf"]:
            yield from _plain(whole, one)
    else:
        yield part


def _below(part: Schema, step: str) -> Iterator[Schema]:
    named = part.get("properties", {}).get(step) or part.get("additionalProperties") or part.get("items")
    if isinstance(named, dict):
        yield named
