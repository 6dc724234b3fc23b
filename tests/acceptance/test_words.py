"""Words: what a session is called by is its id, everywhere."""

import inspect
import re

import msgspec

from callboard.wire import queries, requests, responses, runner
from tests.acceptance.conftest import Stage
from tests.support.database import words_of_schema

NAMED = re.compile(r"session[_ -]?name|name of (a|the) session", re.IGNORECASE)


def test_a29_no_schema_route_column_or_field_names_a_session(stage: Stage) -> None:
    """A29: in the database as it is, in the API as it describes itself, in every struct of the wire."""
    schema = words_of_schema(stage.coordinator)
    assert any("last_seq" in words for words in schema)
    assert [words for words in schema if NAMED.search(words)] == []

    described = stage.coordinator.http.get("/openapi.json")
    assert "/sessions/{session_id}" in described.json()["paths"]
    assert NAMED.search(described.text) is None

    structs = [
        struct
        for module in (queries, requests, responses, runner)
        for _, struct in inspect.getmembers(module, inspect.isclass)
        if issubclass(struct, msgspec.Struct)
    ]
    fields = [f"{struct.__name__}.{name}" for struct in structs for name in struct.__struct_fields__]
    assert "Session.session_id" in fields
    assert [field for field in fields if NAMED.search(field)] == []


def test_a29_no_answer_names_a_session(stage: Stage) -> None:
    run = stage.coordinator.completed("say my name")
    for path in ("", "/events", "/runs", "/bindings", "/tree", "/usage", "/affinity", "/result"):
        answer = stage.coordinator.http.get(f"/sessions/{run.session_id}{path}")
        assert answer.status_code == 200
        assert NAMED.search(answer.text) is None
