"""The client's calls and the coordinator's routes are two lists of one thing, so they are compared."""

import inspect
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, get_args, get_origin

import msgspec
import pytest

from callboard.client import calls
from callboard.client.call import Call, Nothing, PageOf
from callboard.coordinator.http.route import Route
from callboard.coordinator.http.routes import ROUTES
from callboard.wire import requests, tasks, work
from callboard.wire import runner as wire
from callboard.wire.agents import ChangeAgent, CreateAgent, PutAgentFiles
from callboard.wire.budgets import SetBudget
from callboard.wire.messages import SendMessage

SESSION, RUN, RUNNER = "ses_01h2xcejqtf2nbrexx3vqjhp41", "run_01h2xcejqtf2nbrexx3vqjhp41", "rnr_0123456789abcdef0123"
BODIES: dict[str, Any] = {
    "runs.create": requests.CreateRun(type="start_session", prompt="say hello"),
    "sessions.create_external": requests.CreateExternalSession(
        executor_type="codex", executor_session_id="native", hostname="here", project_dir="/tmp"
    ),
    "sessions.fork": requests.ForkSession(prompt="another way"),
    "sessions.update": requests.UpdateSession(title="new"),
    "sessions.send_message": SendMessage(text="go on"),
    "sessions.set_budget": SetBudget(budget_tokens=1),
    "sessions.import_log": requests.ImportLog(lines=[{"event_type": "session_start"}]),
    "sessions.bind": wire.Bind(executor_session_id="native", executor_type="codex", hostname="here"),
    "events.post": wire.PostEvents(events=[wire.PostedEvent(client_key="1.000.00", type="note")]),
    "events.delta": wire.PostDelta(run_id=RUN, attempt=1, message_key="m", offset=0, text="a"),
    "agents.create": CreateAgent(name="reviewer"),
    "agents.change": ChangeAgent(model="small"),
    "agents.put_files": PutAgentFiles(scope="project", hostname="here", directory="/tmp", files=[]),
    "tokens.create": requests.CreateToken(kind="user"),
    "runner.register": wire.Register(
        hostname="here", project_dir="/tmp", credential_sha256="0" * 64, launch_token="12345678"
    ),
    "runner.heartbeat": wire.Heartbeat(runner_id=RUNNER, epoch=1),
    "runner.deregister": wire.Deregister(runner_id=RUNNER, epoch=1),
    "runner.started": wire.Started(runner_id=RUNNER, epoch=1, attempt=1, session_token_sha256="0" * 64),
    "runner.not_launched": wire.NotLaunched(runner_id=RUNNER, epoch=1, attempt=1),
    "runner.usage": wire.UsageReport(runner_id=RUNNER, epoch=1, attempt=1),
    "runner.ended": wire.Ended(runner_id=RUNNER, epoch=1, attempt=1, event_count=0),
    "runner.ask": wire.ApprovalRequest(runner_id=RUNNER, epoch=1, attempt=1, request_id="r", tool_name="Bash"),
    "runner.settled": wire.ApprovalSettled(runner_id=RUNNER, epoch=1, attempt=1, request_id="r"),
    "runner.announce_transcript": wire.AnnounceTranscript(
        run_id=RUN,
        runner_id=RUNNER,
        epoch=1,
        attempt=1,
        executor_session_id="n",
        size_bytes=1,
        sha256="0" * 64,
        parts=[],
    ),
    "runner.put_transcript_part": wire.PutTranscriptPart(
        run_id=RUN, runner_id=RUNNER, epoch=1, attempt=1, sha256="0" * 64, data=b"x"
    ),
    "runner.job_ended": work.JobEnded(runner_id=RUNNER, epoch=1, answer={}),
    "work.add_project": work.AddProject(name="web", hostname="here", path="/srv/web"),
    "work.change_project": work.ChangeProject(default_branch="main"),
    "work.create_issue": work.NewIssue(title="A bug"),
    "work.change_issue": work.ChangeIssue(state="closed"),
    "work.ask_project": work.RequestJob(kind="list_worktrees"),
    "work.ask_session": work.RequestJob(kind="diff"),
    "work.spawn": work.Spawn(issues=[42]),
    "tasks.set_task": tasks.SetTask(project_id="prj_01h2xcejqtf2nbrexx3vqjhp41", number=42, checks=["test"]),
    "tasks.run_task": tasks.RunTask(),
    "tasks.set_and_run_task": tasks.SetAndRunTask(
        task=tasks.SetTask(project_id="prj_01h2xcejqtf2nbrexx3vqjhp41", number=42)
    ),
    "tasks.create_milestone": tasks.NewMilestone(project_id="prj_01h2xcejqtf2nbrexx3vqjhp41", title="First", tasks=[1]),
    "tasks.start_milestone": tasks.RunTask(executor_type="scripted"),
    "tasks.end_milestone": tasks.EndMilestone(),
    "lifecycle.change": work.ChangeLifecycle(report="working"),
    "approvals.decide": requests.Decide(decision="allow", content_hash="0" * 64),
}
VALUES: dict[str, Any] = {
    "session_id": SESSION,
    "run_id": RUN,
    "runner_id": RUNNER,
    "project_id": "prj_01h2xcejqtf2nbrexx3vqjhp41",
    "job_id": "job_01h2xcejqtf2nbrexx3vqjhp41",
    "task_id": "tsk_01h2xcejqtf2nbrexx3vqjhp41",
    "milestone_id": "mst_01h2xcejqtf2nbrexx3vqjhp41",
    "number": 42,
    "token_id": "tok_01h2xcejqtf2nbrexx3vqjhp41",
    "ref": "vqjhp41",
    "epoch": 3,
    "slots": 2,
    "wait_seconds": 1.0,
    "timeout_seconds": 1.0,
    "group_by": "day",
    "end": "completed",
    "limit": 10,
    "after": 5,
    "types": ("message",),
    "subtree": True,
    "idempotency_key": "a key",
}


def _functions() -> Iterator[tuple[str, Callable[..., Call[Any]]]]:
    modules: list[ModuleType] = [getattr(calls, name) for name in calls.__all__]
    for module in modules:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                yield f"{module.__name__.rpartition('.')[2]}.{name}", function


def _called(name: str, function: Callable[..., Call[Any]]) -> Call[Any]:
    """The call with a value for every argument, so that no part of it stays unseen."""
    given: dict[str, Any] = {}
    for parameter in inspect.signature(function).parameters.values():
        given[parameter.name] = BODIES[name] if parameter.name == "body" else VALUES.get(parameter.name, "some")
    positional = [
        given[one.name]
        for one in inspect.signature(function).parameters.values()
        if one.kind is one.POSITIONAL_OR_KEYWORD
    ]
    named = {
        one.name: given[one.name]
        for one in inspect.signature(function).parameters.values()
        if one.kind is one.KEYWORD_ONLY
    }
    return function(*positional, **named)


def _fits(route: Route, call: Call[Any]) -> bool:
    pattern = re.sub(r"\{[a-z_]+\}", "[^/]+", route.path)
    return route.method == call.method and re.fullmatch(pattern, call.path) is not None


def _route_of(call: Call[Any]) -> Route:
    # The most exact one: /sessions/import is no session.
    return min((route for route in ROUTES if _fits(route, call)), key=lambda route: route.path.count("{"))


EVERY = dict(_functions())


@pytest.mark.parametrize("name", EVERY)
def test_every_call_asks_for_what_its_route_takes_and_gives(name: str) -> None:
    call = _called(name, EVERY[name])
    route = _route_of(call)
    assert type(call.body) in (route.request, route.external_request) or (
        call.body is None and (route.optional_body or not route.request)
    )
    fields = {field.encode_name for field in msgspec.structs.fields(route.query)} if route.query else set()
    assert set(call.query) <= fields
    if get_origin(call.response) is PageOf:
        assert route.items is get_args(call.response)[0]
    else:
        assert call.response is (route.response or Nothing)


@pytest.mark.parametrize("name", EVERY)
def test_only_calls_whose_route_remembers_carry_an_idempotency_key(name: str) -> None:
    """A key that the coordinator does not look at would make the client repeat what is not repeatable."""
    call = _called(name, EVERY[name])
    assert (call.idempotency_key is not None) == _route_of(call).creates


@pytest.mark.parametrize("name", EVERY)
def test_reads_may_be_repeated_and_reports_of_runners_are_left_to_the_runner(name: str) -> None:
    call = _called(name, EVERY[name])
    route = _route_of(call)
    if route.report or route.path.startswith("/runner/"):
        assert not call.may_repeat
    elif call.method == "GET":
        assert call.repeatable


@pytest.mark.parametrize("name", [name for name in EVERY if name in ("runs.wait", "runner.poll")])
def test_a_held_call_waits_longer_than_the_coordinator_holds_it(name: str) -> None:
    call = _called(name, EVERY[name])
    assert call.timeout_seconds is not None
    assert call.timeout_seconds >= 1.0 + 5.0


def test_every_route_of_the_api_has_a_call() -> None:
    called = {(_route_of(call).method, _route_of(call).path) for call in (_called(*one) for one in EVERY.items())}
    api = {(route.method, route.path) for route in ROUTES if route.manner in ("answer", "held")}
    ends = {("POST", f"/runner/runs/{{run_id}}/{end}") for end in ("failed", "stopped")}
    browser = {("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}  # of its cookie, which no client has
    assert api - called - ends - browser == set()


def test_a_part_of_a_path_leads_nowhere_else() -> None:
    assert calls.sessions.get("../runs?x=1#").path == "/sessions/..%2Fruns%3Fx%3D1%23"


def test_two_creations_never_share_a_key() -> None:
    body = BODIES["runs.create"]
    assert calls.runs.create(body).idempotency_key != calls.runs.create(body).idempotency_key
