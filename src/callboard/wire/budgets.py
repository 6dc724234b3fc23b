"""Budgets of sessions: what a person sets, and how a pool stands. Money is in micro-dollars."""

from typing import Literal

import msgspec

from callboard.wire.requests import Limit, Request


class SetBudget(Request, kw_only=True):
    """POST /sessions/{id}/budget: new limits, up or down; one that is absent stays as it is."""

    budget_microdollars: Limit | None = None
    budget_tokens: Limit | None = None
    unlimited: list[Literal["microdollars", "tokens"]] = msgspec.field(default_factory=list)
    """Of what there is no limit any more."""


class Budget(msgspec.Struct, kw_only=True):
    """The pool that a session draws from: its own, or the nearest above it. Null where it limits nothing."""

    session_id: str
    """Whose pool it is."""
    above_session_id: str | None
    """The pool in which it lies."""
    budget_microdollars: int | None
    spent_microdollars: int
    """By the session and all below it."""
    reserved_microdollars: int
    """For children with budgets of their own, and not spent by them yet."""
    left_microdollars: int | None
    budget_tokens: int | None
    spent_tokens: int
    reserved_tokens: int
    left_tokens: int | None


class BudgetChanged(msgspec.Struct, kw_only=True):
    """200 of POST /sessions/{id}/budget."""

    budget: Budget
    resumed: list[str]
    """The runs that go on with what the budget had stopped."""
