"""The parts of the HTTP room by themselves: mending of texts, budgets of addresses, routing, loops, settings."""

import asyncio
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callboard.coordinator.config import Config, Source, from_environment, read_config, settings
from callboard.coordinator.http.guard import MAX_ADDRESSES, AddressBudget
from callboard.coordinator.http.openapi import describe
from callboard.coordinator.http.parse import AT_ONCE_BYTES, BodyParser, beside
from callboard.coordinator.http.router import Router
from callboard.coordinator.http.routes import ROUTES
from callboard.coordinator.http.text import may_hold_bad_escapes, mend
from callboard.coordinator.loops import Loop, Loops
from callboard.domain.errors import InvalidRequest
from callboard.domain.runner import LeaseRules
from callboard.wire.requests import ImportLog

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=30)
JSON_VALUES = st.recursive(
    ANY_TEXT | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=10,
)


def storable(value: Any) -> Any:
    """What a mended text must say: every NUL and half pair is the replacement character."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    return value


@given(JSON_VALUES)
def test_mended_json_can_be_read_and_says_the_same(value: Any) -> None:
    written = json.dumps(value).encode()
    assert msgspec.json.decode(mend(written)) == storable(value)
    if not may_hold_bad_escapes(written):
        assert mend(written) == written


def test_a_budget_is_spent_by_one_address_and_refilled_with_time() -> None:
    now = [100.0]
    budget = AddressBudget(3, 1.0, clock=lambda: now[0])
    assert [budget.spend("a") for _ in range(5)] == [True, True, True, False, False]
    assert budget.spend("b")
    now[0] += 2
    assert [budget.spend("a") for _ in range(3)] == [True, True, False]
    now[0] += 1000
    assert [budget.spend("a") for _ in range(4)] == [True, True, True, False]


def test_budgets_are_kept_for_a_bounded_number_of_addresses() -> None:
    budget = AddressBudget(1, 0.001)
    for number in range(MAX_ADDRESSES + 100):
        budget.spend(str(number))
    assert len(budget._left) == MAX_ADDRESSES


def test_an_exact_path_comes_before_a_pattern_and_a_slash_ends_a_parameter() -> None:
    router = Router(
        [("GET", "/a/{id}", 1), ("POST", "/a/{id}", 2), ("GET", "/a/self", 3), ("GET", "/p/{rest:path}", 4)]
    )
    found = router.find("/a/x")
    assert found is not None
    assert (found.methods, found.parameters) == ({"GET": 1, "POST": 2}, {"id": "x"})
    exact, deep = router.find("/a/self"), router.find("/p/x/y")
    assert exact is not None
    assert deep is not None
    assert (exact.methods, deep.parameters) == ({"GET": 3}, {"rest": "x/y"})
    assert [router.find(path) for path in ("/a", "/a/", "/a/x/y", "", "/", "x", "//a/x", "/b/x")] == [None] * 8


def test_no_two_routes_are_the_same_and_every_operation_has_its_own_name() -> None:
    assert len({(route.method, route.path) for route in ROUTES}) == len(ROUTES)
    paths = describe()["paths"]
    names = [operation["operationId"] for path in paths.values() for operation in path.values()]
    assert len(set(names)) == len(names)
    shown = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert {(route.method, route.path) for route in ROUTES if ":path}" not in route.path} == shown


def test_only_open_routes_are_described_as_open() -> None:
    """S1: the description says the same as the table."""
    paths = describe()["paths"]
    open_paths = {path for path, methods in paths.items() for each in methods.values() if each.get("security") == []}
    assert open_paths == {route.path for route in ROUTES if route.access == "open" and ":path}" not in route.path}


def test_what_may_be_sent_again_says_so() -> None:
    """R6: every route that creates takes an Idempotency-Key, and says so."""
    taking = {
        (method.upper(), path)
        for path, methods in describe()["paths"].items()
        for method, each in methods.items()
        if any(parameter["name"] == "Idempotency-Key" for parameter in each["parameters"])
    }
    creating = (
        "/agents",
        "/milestones",
        "/milestones/{milestone_id}/start",
        "/projects",
        "/projects/{project_id}/issues",
        "/projects/{project_id}/jobs",
        "/projects/{project_id}/spawn",
        "/runs",
        "/runs/{run_id}/retry",
        "/sessions",
        "/sessions/import",
        "/sessions/{session_id}/fork",
        "/sessions/{session_id}/lifecycle",
        "/sessions/{session_id}/jobs",
        "/sessions/{session_id}/messages",
        "/tasks/run",
        "/tasks/{task_id}/run",
        "/tokens",
    )
    assert taking == {("POST", path) for path in creating}


async def test_a_loop_goes_on_after_a_failure_and_says_how_it_is() -> None:
    done, outcomes = asyncio.Event(), iter([ValueError("first"), ValueError("second"), None, None])

    async def sweep() -> None:
        outcome = next(outcomes, None)
        if outcome is not None:
            raise outcome
        done.set()

    loop = Loop("test", sweep, 0.001)
    await loop.once()
    assert (loop.failures_in_a_row(), loop.status.last_error) == (1, "ValueError('first')")
    loops = Loops([loop])
    loops.start()
    await asyncio.wait_for(done.wait(), 5)
    await loops.stop(5)
    assert (loop.failures_in_a_row(), loops.trouble()) == (0, "ok")
    assert loop.status.rounds >= 1


async def test_a_round_that_hangs_is_cut_off_at_the_end() -> None:
    entered = asyncio.Event()

    async def hang() -> None:
        entered.set()
        await asyncio.Event().wait()

    loops = Loops([Loop("hanging", hang, 1)])
    loops.start()
    await asyncio.wait_for(entered.wait(), 5)
    await asyncio.wait_for(loops.stop(0.01), 5)


async def test_a_large_body_is_read_while_the_loop_serves_others() -> None:
    parser = BodyParser(ImportLog, report=False, optional=False)
    body = msgspec.json.encode({"lines": [{"event_type": "note", "text": "ten words"}] * 10_000})
    assert len(body) > AT_ONCE_BYTES
    served = asyncio.Event()
    asyncio.get_running_loop().call_soon(served.set)
    read = await beside(body, lambda: parser.parse(body))
    assert served.is_set()
    assert len(read.lines) == 10_000


def test_the_first_source_that_has_a_setting_wins_and_its_origin_is_known() -> None:
    flags = Source("flag", {"port": 0, "host": None})
    environment = from_environment({"CALLBOARD_PORT": "1", "CALLBOARD_ALLOWED_HOSTS": "a.test, b.test", "OTHER": "x"})
    config, origins = read_config([flags, environment, Source("file", {"port": 2, "log_level": "debug"})])
    assert (config.port, config.allowed_hosts, config.log_level) == (0, ["a.test", "b.test"], "debug")
    assert origins == {"port": "flag", "allowed_hosts": "environment", "log_level": "file"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"prot": 1}, "no setting 'prot'"),
        ({"port": "many"}, "port: Expected `int`"),
        ({"port": 70_000}, "port: Expected `int` <= 65535"),
        ({"lease_seconds": 0}, "lease_seconds: Expected `float` > 0"),
        ({"log_level": "loud"}, "log_level: Invalid enum value 'loud'"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_origin(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^callboard\.toml: ") as refused:
        read_config([Source("callboard.toml", values)])
    assert words in refused.value.detail


def test_an_unknown_setting_gets_a_suggestion() -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_config([Source("flag", {"lease_second": 1})])
    assert refused.value.hint == "Did you mean lease_seconds?"


def test_every_setting_has_a_variable_and_a_sentence() -> None:
    described = settings()
    assert [each.name for each in described] == list(Config.__struct_fields__)
    for each in described:
        assert each.environment == f"CALLBOARD_{each.name.upper()}"
        assert each.help.endswith(".")
        assert each.unit or not each.name.endswith(("_seconds", "_ms", "_bytes"))


def test_the_default_times_of_dispatch_are_those_of_the_domain() -> None:
    assert Config().lease_rules() == LeaseRules()


@given(st.lists(st.sampled_from(["\\", "u0000", "ud800", "uDC00", "ud83d", "ude00", "n", '"', "x"]), max_size=12))
def test_every_mixture_of_backslashes_and_surrogates_is_mended(parts: list[str]) -> None:
    """Also texts whose escapes stand side by side, which a generator of texts seldom makes."""
    written = '"' + "".join(parts).replace('"', '\\"') + '"'
    try:
        value = json.loads(written)
    except json.JSONDecodeError:
        return
    assert msgspec.json.decode(mend(written.encode())) == storable(value)
