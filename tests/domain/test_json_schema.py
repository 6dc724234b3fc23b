"""Schemas that are kept: what is refused, and that checking a value against one that is not always ends soon."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callboard.domain.errors import CallboardError, InvalidRequest
from callboard.domain.json_schema import MAX_PROBLEMS, check_schema, misfits


def doubling(steps: int) -> dict[str, Any]:
    """A schema in which each definition refers twice to the next."""
    definitions: dict[str, Any] = {
        f"d{step}": {"allOf": [{"$ref": f"#/$defs/d{step + 1}"}, {"$ref": f"#/$defs/d{step + 1}"}]}
        for step in range(steps)
    }
    return {"$ref": "#/$defs/d0", "$defs": definitions | {f"d{steps}": {"type": "object"}}}


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": "#"}, "/s/$ref"),
        ({"properties": {"a": {"$ref": "#/properties/a"}}}, "/s/properties/a/$ref"),
        ({"properties": {"left": {"$ref": "#"}}}, "/s/properties/left/$ref"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}, None),
        ({"allOf": [{"$ref": "http://127.0.0.1:1/x.json"}]}, "/s/allOf/0/$ref"),
        ({"$ref": "file:///etc/passwd"}, "/s/$ref"),
        ({"$ref": "other.json"}, "/s/$ref"),
        ({"$ref": "#anchor"}, "/s/$ref"),
        ({"$ref": "#/$defs/none"}, "/s/$ref"),
        ({"$dynamicRef": "#a"}, "/s/$dynamicRef"),
        ({"$id": "http://127.0.0.1:1/"}, "/s/$id"),
        ({"$schema": "http://127.0.0.1:1/"}, "/s/$schema"),
        ({"$schema": 7}, "/s/$schema"),
        ({"type": "strange"}, "/s/type"),
        ({"properties": {"a": {"minimum": "1"}}}, "/s/properties/a/minimum"),
        ({"pattern": "("}, "/s/pattern"),
        ({"pattern": "(?=a)"}, "/s/pattern"),
        ({"description": "x" * 70_000}, "/s"),
        (doubling(20), None),
        (doubling(90), None),
        ([], "/s"),
        (True, "/s"),
    ],
)
def test_a_schema_that_may_not_be_kept_is_refused_with_its_place(schema: Any, pointer: str | None) -> None:
    """40: bounded, no endless $ref; nothing is fetched from anywhere."""
    begun = time.perf_counter()
    with pytest.raises(InvalidRequest) as refused:
        check_schema(schema, "/s")
    assert refused.value.code == "invalid_schema"
    assert pointer in (None, refused.value.errors[0]["pointer"])
    assert time.perf_counter() - begun < 5


def test_a_deep_schema_is_refused() -> None:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(500):
        schema = {"properties": {"a": schema}}
    with pytest.raises(CallboardError):
        check_schema(schema, "/s")


GOOD: list[dict[str, Any]] = [
    {},
    {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {"type": "string"}}},
    {"$defs": {"a": {"type": "string"}}, "properties": {"x": {"$ref": "#/$defs/a"}, "y": {"$ref": "#/$defs/a"}}},
    {"properties": {"$ref": {"type": "string"}, "id": {"type": "string"}, "$id": {"const": {"$ref": "#"}}}},
    {"enum": [{"$ref": "#"}], "default": {"$ref": "#"}},
    {"$defs": {"a/b~c": {"type": "integer"}}, "items": {"$ref": "#/$defs/a~1b~0c"}},
    {"items": [{"type": "string"}], "$schema": "http://json-schema.org/draft-07/schema#"},
    doubling(8),
]


@pytest.mark.parametrize("schema", GOOD)
def test_a_schema_that_ends_is_kept(schema: dict[str, Any]) -> None:
    check_schema(schema, "/s")
    misfits(schema, {"x": 1})


def test_each_misfit_has_its_pointer_message_and_schema() -> None:
    """A15."""
    schema = {"type": "object", "properties": {"a/b": {"type": "object", "properties": {"c~": {"type": "integer"}}}}}
    (found,) = misfits(schema, {"a/b": {"c~": "x"}}, "/parameters")
    assert (found["pointer"], found["schema"]) == ("/parameters/a~1b/c~0", schema)
    large = schema | {"description": "x" * 5_000}
    (found,) = misfits(large, {"a/b": {"c~": "x"}})
    assert found["schema"] == {"type": "integer"}
    many = {"additionalProperties": {"type": "integer"}}
    assert len(misfits(many, {str(number): "x" for number in range(100)})) == MAX_PROBLEMS


def test_a_pattern_takes_no_more_than_linear_time() -> None:
    schema = {"pattern": "^(a+)+$"}
    check_schema(schema, "/s")
    begun = time.perf_counter()
    assert misfits(schema, "a" * 50_000 + "b")
    assert time.perf_counter() - begun < 2


KEYWORDS = st.sampled_from(
    ["type", "$ref", "properties", "items", "allOf", "not", "$defs", "enum", "if", "a", "pattern"]
)
SCHEMAS = st.recursive(
    st.sampled_from(["#", "#/$defs/a", "#/properties/a", "object", "string", 1, None, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=2000)
@given(SCHEMAS, SCHEMAS)
def test_whatever_is_kept_can_be_used(schema: Any, value: Any) -> None:
    """No refusal later, and no end of the process: what check_schema lets through, misfits answers."""
    try:
        check_schema(schema, "/s")
    except CallboardError:
        return
    misfits(schema, value)
