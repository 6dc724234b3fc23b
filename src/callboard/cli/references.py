"""What people type for a session or a run becomes a full id; the coordinator decides what a reference means."""

from contextlib import suppress

from callboard.cli.options import plain_number
from callboard.cli.projects import project_here
from callboard.client import calls
from callboard.client.transport import Client
from callboard.domain.errors import Forbidden, InvalidRequest, NotFound
from callboard.domain.ids import RUN, RUNNER, SESSION, is_id
from callboard.wire.responses import Runner, Session


def _check_no_run(reference: str) -> None:
    """A run has no short form: its whole id is taken, or its session's reference."""
    if reference.startswith(f"{RUN}_"):
        raise InvalidRequest(
            f"{reference!r} is not the whole id of a run: those are run_ and 26 characters.",
            code="invalid_id",
            hint="Give all of it, or a reference of its session; `callboard session show REF` lists a session's runs.",
        )


def _check_not_empty(reference: str) -> None:
    """What a script forgot to fill in must not mean whatever comes first."""
    if not reference.strip():
        raise InvalidRequest(
            "The reference is empty.",
            code="invalid_id",
            hint="If it comes from a variable, that one is not set; `callboard ps` and `callboard runner list` list.",
        )


def session_id_of(client: Client, reference: str, project: str | None = None) -> str:
    """The session of a reference or of a run's id. NotFound, or Conflict `ambiguous_reference` with candidates."""
    if is_id(SESSION, reference):
        return reference
    if is_id(RUN, reference):
        return client.send(calls.runs.get(reference)).session_id
    _check_no_run(reference)
    return find_session(client, reference, project).session_id


def session_of(client: Client, reference: str, project: str | None = None) -> Session:
    """The same, with all that is shown of it."""
    return client.send(calls.sessions.get(session_id_of(client, reference, project)))


def run_id_of(client: Client, reference: str, project: str | None = None) -> str:
    """A run's id, or the latest run of the session that a reference means."""
    if is_id(RUN, reference):
        return reference
    session = session_of(client, reference, project)
    if session.latest_run_id is None:
        raise NotFound(f"{session.session_id} has no run.", code="run_not_found")
    return session.latest_run_id


def find_session(client: Client, reference: str, project: str | None) -> Session:
    """The session that a short reference means."""
    _check_not_empty(reference)
    reference = plain_number(reference)
    if project is None and reference.isdigit():
        with suppress(Forbidden):  # an agent knows no projects; what it sees is its own work and what is below that
            here = project_here(client)
            project = None if here is None else here.name
    found = client.send(calls.sessions.find(reference, project=project)).items
    if not found:
        raise NotFound(
            f"No session fits {reference!r}.",
            code="session_not_found",
            hint="`callboard ps` shows the latest ones; a reference is a full id, its last 6 or more characters, "
            "or the number of an issue.",
        )
    return found[0]


def runner_of(client: Client, reference: str) -> Runner:
    """A runner by its id, the end of it, or its name."""
    _check_not_empty(reference)
    if is_id(RUNNER, reference):
        return client.send(calls.runners.get(reference))
    every = client.send(calls.runners.list_(limit=200)).items
    fitting = [one for one in every if reference == one.name or (len(reference) >= 4 and _ends(one, reference))]
    if len(fitting) == 1:
        return fitting[0]
    several = ", ".join(one.runner_id for one in fitting[:10])
    raise NotFound(
        f"{len(fitting)} runners fit {reference!r}: {several}." if fitting else f"No runner fits {reference!r}.",
        code="runner_not_found",
        hint="`callboard runner list` shows all runners.",
    )


def _ends(runner: Runner, reference: str) -> bool:
    return runner.runner_id.endswith(reference)
