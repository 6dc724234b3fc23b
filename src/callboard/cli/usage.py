"""`usage` and `budget`: what was used and what it cost, and how much may still be."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from cyclopts import Parameter

from callboard.cli import candidates
from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.output import Output, Part, span
from callboard.cli.references import session_id_of
from callboard.cli.text import dollars, microdollars, money, short_id
from callboard.client import calls
from callboard.client.calls.usage import GroupBy
from callboard.domain.budget import Unit
from callboard.wire.budgets import Budget, SetBudget
from callboard.wire.responses import SessionUsage, UsageGroup

_UNITS: Final[dict[str, Unit]] = {"dollars": "microdollars", "tokens": "tokens"}
_COLUMNS: Final = ("INPUT", "OUTPUT", "CACHE READ", "CACHE WRITTEN", "TURNS", "COST")
_SIGNS: Final = "≥: some of it has no known price.  ~: estimated from list prices."
Reference = Annotated[
    str | None,
    Parameter(help="Session: its id, the end of it, or an issue's number.", completer=candidates.sessions),
]


def usage(
    reference: Reference = None,
    /,
    *,
    by: Annotated[GroupBy, Parameter(help="What is summed up, without a session.")] = "day",
    since: Annotated[str | None, Parameter(help="Only from this time on (RFC 3339), without a session.")] = None,
    until: Annotated[str | None, Parameter(help="Only before this time, without a session.")] = None,
    limit: Annotated[int, Parameter(help="How many lines at most.")] = 200,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """What was used and what it cost: of a session with all below it and its budget, or of everything, summed up."""
    context = Context(show, where)
    output = context.output
    if reference is None:
        page = context.client.send(calls.usage.grouped(by, since=since, until=until, limit=limit))
        rows = [_row(name, one) for name, one in zip(names_of(by, page.items), page.items, strict=True)]
        output.listing(page, (by.upper(), *_COLUMNS), rows)
        _explain(output, page.items)
        return 0
    session_id = session_id_of(context.client, reference, context.settings["project"])
    found = context.client.send(calls.sessions.usage(session_id))
    if output.json_wanted:
        output.value(found)
    elif output.quiet:
        output.line(session_id)
    else:
        _show_session(output, found)
    return 0


def budget(
    reference: Annotated[str, Parameter(help="Session, or the end of its id.", completer=candidates.sessions)],
    /,
    *,
    budget: Annotated[float | None, Parameter(help="Most dollars from now on, with what is spent already.")] = None,
    budget_tokens: Annotated[int | None, Parameter(help="Most tokens from now on.")] = None,
    no_limit: Annotated[
        Literal["dollars", "tokens"] | None, Parameter(help="Of what there is no limit any more.")
    ] = None,
    where: Where = NO_WHERE,
    show: Show = NO_SHOW,
) -> int:
    """Show the budget that a session draws from, or raise or lower its own; what that had stopped goes on."""
    context = Context(show, where)
    session_id = session_id_of(context.client, reference, context.settings["project"])
    if budget is None and budget_tokens is None and no_limit is None:
        return _show_budget(context.output, context.client.send(calls.sessions.get(session_id)).budget)
    limits = SetBudget(
        budget_microdollars=None if budget is None else microdollars(budget),
        budget_tokens=budget_tokens,
        unlimited=[] if no_limit is None else [_UNITS[no_limit]],
    )
    changed = context.client.send(calls.sessions.set_budget(session_id, limits))
    if context.output.json_wanted:
        context.output.value(changed)
        return 0
    _show_budget(context.output, changed.budget)
    for run_id in changed.resumed:
        context.output.line(f"{run_id} goes on" if not context.output.quiet else run_id)
    if changed.resumed:
        context.output.note(span(f"result: callboard wait {changed.resumed[0]}", "dim"))
    return 0


def _show_session(output: Output, found: SessionUsage) -> None:
    rows = [("itself", found.self), ("with all below", found.subtree)]
    rows += [(f"  {group.key}", group.usage) for group in found.by_model]
    groups = [UsageGroup(key=name, usage=total) for name, total in rows]
    output.table(("", *_COLUMNS), [_row(one.key, one) for one in groups])
    _explain(output, groups)
    if found.budget is not None:
        output.line()
        _budget_lines(output, found.budget)


def _show_budget(output: Output, found: Budget | None) -> int:
    if output.json_wanted:
        output.value(msgspec.to_builtins(found))
    elif found is None:
        output.note("It has no budget.")
    elif output.quiet:
        output.line(found.session_id)
    else:
        _budget_lines(output, found)
    return 0


def _budget_lines(output: Output, found: Budget) -> None:
    output.line(span("budget of ", "dim"), found.session_id)
    for unit, said in (("microdollars", dollars), ("tokens", _tokens)):
        limit, left = getattr(found, f"budget_{unit}"), getattr(found, f"left_{unit}")
        if limit is not None:
            spent, reserved = getattr(found, f"spent_{unit}"), getattr(found, f"reserved_{unit}")
            more = f", {said(reserved)} reserved" if reserved else ""
            output.line(f"  {said(left)} left of {said(limit)}: {said(spent)} spent{more}")


def _tokens(count: int) -> str:
    return f"{count} tokens"


def names_of(by: GroupBy, groups: Sequence[UsageGroup]) -> list[str]:
    """What groups are called, by their ids as well where several share a name; what has none is none of them."""
    names = [group.name or group.key or ("not recorded" if by == "user" else "-") for group in groups]
    shared = {name for name, count in Counter(names).items() if count > 1}
    return [
        f"{name} (…{short_id(group.key)})" if name in shared and group.key else name
        for name, group in zip(names, groups, strict=True)
    ]


def _row(name: str, group: UsageGroup) -> list[Part]:
    used: Any = group.usage
    figures = (used.input_tokens, used.output_tokens, used.cache_read_tokens, used.cache_creation_tokens, used.turns)
    return [name, *(str(figure) for figure in figures), money(used)]


def _explain(output: Output, groups: list[UsageGroup]) -> None:
    if any(one.usage.unpriced or one.usage.estimated for one in groups):
        output.note(span(_SIGNS, "dim"))
