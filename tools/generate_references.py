"""Write the references that are derived from code, or with --check say which are stale.

Each is rendered by one function from the place where the facts stand; nothing in them is written by hand.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

# Beside this file: a script's own folder is where it finds its neighbours.
from generate_types import render_types

from callboard.cli.reference import render_reference
from callboard.coordinator.config import settings
from callboard.coordinator.http.access import KINDS, MEANING
from callboard.coordinator.http.openapi import describe_as_json
from callboard.coordinator.http.parse import PATH_IDS
from callboard.coordinator.http.route import Manner, Route
from callboard.coordinator.http.routes import ROUTES
from callboard.domain import event, why_words
from callboard.domain.demands import REASON_CODES
from callboard.domain.errors import CODES
from callboard.domain.event import may_report
from callboard.domain.run import REASON_SENTENCES, status_of

REPOSITORY = Path(__file__).resolve().parent.parent

API_PREFACE: Final = """\
The shapes are in [the OpenAPI description](../openapi.json), every error in [error codes](errors.md). Errors are
`application/problem+json` with a stable `code`; a refusal has created nothing.

Any route may refuse with `misdirected_request` (a foreign Host) and `cross_site` (a foreign Origin); every route that
is not open with `unauthenticated`, `forbidden` and `rate_limited`; one that takes a query or a body with
`invalid_request`, and with a body also `invalid_json`, `invalid_text`, `payload_too_large` and
`unsupported_media_type`. What the state of a thing forbids is a 409 with the code that says which.
"""
MANNERS: Final[dict[Manner, str]] = {"answer": "", "held": "", "stream": ": a stream", "page": ": a page"}


def main() -> int:
    """Write every reference, or compare; return 1 if one is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a reference is stale")
    check = parser.parse_args().check
    stale = [name for name, render in REFERENCES.items() if not _is_current(REPOSITORY / name, render())]
    if check:
        sys.stderr.writelines(f"{name} is stale; run `make docs`.\n" for name in stale)
        return 1 if stale else 0
    for name in stale:
        _write(REPOSITORY / name, REFERENCES[name]())
    return 0


def render_errors() -> str:
    """Return the table of error codes."""
    return f"{_header('src/callboard/domain/errors.py')}# Error codes\n\n{_sentences(CODES)}"


def render_events() -> str:
    """Return the table of event types and who writes them."""
    rows = "".join(
        f"| `{name}` | {'runner' if may_report(name) else 'coordinator'} | {payload} |\n"
        for name, payload in event.DESCRIPTIONS.items()
    )
    return (
        f"{_header('src/callboard/domain/event.py')}# Event types\n\n"
        "Types that are not in this table come from newer runners; they are kept and shown as they are.\n\n"
        f"| type | written by | payload |\n|---|---|---|\n{rows}"
    )


def render_schema() -> str:
    """Return the schema of the store, as the migrations write it."""
    folder = REPOSITORY / "src" / "callboard" / "store" / "sql" / "migrations"
    parts = [
        f"## {path.name}\n\n```sql\n{path.read_text(encoding='utf-8')}```\n" for path in sorted(folder.glob("*.sql"))
    ]
    return f"{_header('src/callboard/store/sql/migrations')}# Schema\n\n" + "\n".join(parts)


def render_configuration() -> str:
    """Return the table of the coordinator's settings."""
    rows = "".join(
        f"| `{each.name}` | `{each.environment}` | {each.unit or ''} | `{each.default!r}` | {each.help} |\n"
        for each in settings()
    )
    return (
        f"{_header('src/callboard/coordinator/config.py')}# Settings of the coordinator\n\n"
        "A flag of `callboard serve` wins over the environment, that over the project's and the user's file.\n\n"
        f"| setting | environment | unit | default | meaning |\n|---|---|---|---|---|\n{rows}"
    )


def render_why() -> str:
    """Return the closed lists of reasons: where a run is, what a runner lacks, how a run ended."""
    ends = "".join(f"| `{reason}` | {status_of(reason)} | {text} |\n" for reason, text in REASON_SENTENCES.items())
    return (
        f"{_header('src/callboard/domain/why_words.py')}# Why a run is where it is\n\n"
        "`callboard why` and `GET /runs/{run_id}/why` answer with one of these codes, a sentence that names what is\n"
        "concerned, and the next step where there is one.\n\n"
        f"{_sentences(why_words.CODES)}\n"
        "## Why a runner does not take it\n\n"
        "Of a run that waits, each runner tells all of its reasons; `{wanted}` and `{found}` are filled in.\n\n"
        f"{_sentences(REASON_CODES)}\n"
        "## How a run ended\n\n"
        f"| reason | status | meaning |\n|---|---|---|\n{ends}"
    )


def render_api() -> str:
    """Return the table of routes: who may call each, what it takes and answers, and the errors of its own."""
    who = "".join(
        f"| {access} | {MEANING[access]} | {', '.join(sorted(kinds)) or 'none'} |\n" for access, kinds in KINDS.items()
    )
    return (
        f"{_header('src/callboard/coordinator/http/routes.py')}# Routes\n\n{API_PREFACE}\n"
        "| method and path | what | for | takes | answers | errors of its own |\n|---|---|---|---|---|---|\n"
        f"{''.join(_route_row(route) for route in ROUTES)}\n"
        f"## Who may call\n\n| for | that is | kinds of token |\n|---|---|---|\n{who}"
    )


def _route_row(route: Route) -> str:
    parts = [f"`{route.method} {route.path}`", route.summary, route.access]
    return f"| {' | '.join([*parts, _takes(route), _answers(route), _own_errors(route)])} |\n"


def _takes(route: Route) -> str:
    """The structs of query and body."""
    bodies = [f"`{kind.__name__}`" for kind in (route.request, route.external_request) if kind is not None]
    body = " or ".join(bodies) + (" (may be left out)" if route.optional_body else "")
    query = f"?`{route.query.__name__}`" if route.query is not None else ""
    return ", ".join(filter(None, (query, body)))


def _answers(route: Route) -> str:
    """The statuses of success and what comes with them."""
    statuses = ", ".join(map(str, (route.status, *route.also)))
    if route.items is not None:
        return f"{statuses}: page of `{route.items.__name__}`"
    return (
        f"{statuses}: `{route.response.__name__}`" if route.response is not None else statuses + MANNERS[route.manner]
    )


def _own_errors(route: Route) -> str:
    """The codes that follow from the route's own form."""
    codes = [code for name, (_, code) in PATH_IDS.items() if f"{{{name}}}" in route.path]
    if route.query is not None:
        codes += ["invalid_page"] if "page" in route.query.__struct_fields__ else []
        codes += ["invalid_cursor"] if route.manner == "stream" else []
    codes += ["idempotency_mismatch", "idempotency_in_flight"] if route.creates else []
    return ", ".join(f"`{code}`" for code in codes)


def _sentences(codes: dict[str, str]) -> str:
    rows = "".join(f"| `{code}` | {sentence} |\n" for code, sentence in codes.items())
    return f"| code | meaning |\n|---|---|\n{rows}"


def render_openapi() -> str:
    """Return the description of the HTTP API, as it is served."""
    return json.dumps(json.loads(describe_as_json()), indent=1, ensure_ascii=False) + "\n"


def render_types_of_api() -> str:
    """Return the types of the API for the pages."""
    return render_types(json.loads(describe_as_json()), event.DESCRIPTIONS)


def render_cli() -> str:
    """Return every command of the command line."""
    return _header("src/callboard/cli") + render_reference()


REFERENCES: Final[dict[str, Callable[[], str]]] = {
    "docs/openapi.json": render_openapi,
    "docs/reference/api.md": render_api,
    "docs/reference/cli.md": render_cli,
    "docs/reference/configuration.md": render_configuration,
    "docs/reference/errors.md": render_errors,
    "docs/reference/events.md": render_events,
    "docs/reference/schema.md": render_schema,
    "docs/reference/why.md": render_why,
    "web/src/api/schema.ts": render_types_of_api,
}


def _header(source: str) -> str:
    return f"<!-- Generated from {source} by `make docs`; not by hand. -->\n"


def _is_current(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    sys.stdout.write(f"Wrote {path.relative_to(REPOSITORY)}.\n")


if __name__ == "__main__":
    sys.exit(main())
