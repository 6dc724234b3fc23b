"""The API against its own description: no 5xx, answers as described, and no 2xx without a token but the open ones."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from callboard.coordinator.http.openapi import describe
from callboard.coordinator.http.routes import ROUTES
from tests.http.world import Attempt, Coordinator, PlayedRunner, serving
from tests.support.database import settings_for

pytestmark = [
    pytest.mark.slow,
    pytest.mark.either_database,
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore"),
]

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
BOUNDS = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
BEFORE_ANYTHING_IS_READ = settings(BOUNDS, max_examples=3)
"""A request without a token is refused whatever else it says."""
NEVER_ENDING = "/sse/sessions"
WAIT = "/runs/{run_id}/wait"
"""For the run that stands here it would take as long as it is asked to: other tests wait."""
MCP = "/mcp"
"""Its answers are those of another protocol."""
OPEN = {route.path for route in ROUTES if route.access == "open"}
OF_RUNNERS = {(route.method, route.path) for route in ROUTES if route.access in ("runner", "report", "register")}


class Stage:
    """A coordinator with a session, a run and a runner that generated requests can hit."""

    def __init__(self, coordinator: Coordinator) -> None:
        self.coordinator = coordinator
        self.runner: PlayedRunner = coordinator.register("generated")
        self.attempt: Attempt = self.runner.begin()

    def aim(self, case: Any) -> None:
        """Half of the cases are about things that exist."""
        real = {
            "session_id": self.attempt.session_id,
            "run_id": self.attempt.run_id,
            "runner_id": self.runner.runner_id,
        }
        if case.operation.path == WAIT:
            return
        if len(str(case.body)) % 2:
            case.path_parameters = {name: real.get(name, value) for name, value in (case.path_parameters or {}).items()}
            if isinstance(case.body, dict) and "attempt" in case.body:
                case.body |= {"runner_id": self.runner.runner_id, "epoch": self.runner.epoch, "attempt": 1}

    def token_for(self, case: Any) -> str:
        """A token that the route takes."""
        if case.operation.path == "/runner/register":
            return self.coordinator.join
        is_runners = (case.method.upper(), case.operation.path) in OF_RUNNERS
        return self.runner.credential if is_runners else self.coordinator.owner


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, database_kind: str) -> Iterator[Stage]:
    patient = {"lost_runner_seconds": 3600, "lease_seconds": 3600, "failed_logins": 1_000_000}
    with (
        settings_for(database_kind) as database,
        serving(tmp_path_factory.mktemp("data"), **patient, **database) as coordinator,
    ):
        yield Stage(coordinator)


schema = schemathesis.openapi.from_dict(describe()).exclude(path=NEVER_ENDING)
plain = schemathesis.openapi.from_dict(describe())
plain.config.phases.coverage.enabled = False


def test_the_description_is_the_one_that_is_served(stage: Stage) -> None:
    assert stage.coordinator.done("GET", "/openapi.json") == describe()


@schema.parametrize()
@BOUNDS
def test_every_answer_is_as_described_and_none_is_a_defect(case: Any, stage: Stage) -> None:
    stage.aim(case)
    headers = {"Authorization": f"Bearer {stage.token_for(case)}"}
    checks = CHECKS if case.operation.path != MCP else [not_a_server_error]
    case.call_and_validate(checks=checks, headers=headers, base_url=stage.coordinator.url, timeout=20)


@plain.parametrize()
@BEFORE_ANYTHING_IS_READ
def test_s1_no_generated_request_succeeds_without_a_token(case: Any, stage: Stage) -> None:
    stage.aim(case)
    answer = case.call(base_url=stage.coordinator.url, timeout=20)
    if case.operation.path in OPEN and case.method.upper() == "GET":
        assert answer.status_code in (200, 307)
    elif case.operation.path == "/login":
        assert 400 <= answer.status_code < 500
    else:
        assert answer.status_code in (401, 403, 421)


def test_the_generated_requests_left_no_defect_in_the_log(stage: Stage) -> None:
    """Stands last: what was logged while the tests above ran."""
    assert [line for line in stage.coordinator.log if "request_failed" in line or "Traceback" in line] == []
    assert stage.coordinator.call("GET", "/readyz").status_code == 200
