"""Every change of a pool as work inside a transaction: reserve, charge, withhold. The arithmetic is domain.budget.

The row of the outermost pool is locked before any pool of its tree is read for a change, and before sessions. Knows
no ledger and ends no runs.
"""

from collections.abc import Collection, Iterable

import msgspec

from callboard.domain import prices
from callboard.domain.agent import AgentLimits
from callboard.domain.budget import UNITS, Amounts, Pool, Pools, Shortage, amount_in_words
from callboard.domain.errors import Conflict, InvalidRequest
from callboard.domain.usage import UsageRow
from callboard.store.database import Row, Transaction
from callboard.store.hints import BudgetDue
from callboard.store.reading import subtree
from callboard.wire.requests import Limits


def lock_pools(tx: Transaction, *pool_session_ids: str | None) -> None:
    """Locks the trees of these pools, in one order; None stands for no pool."""
    pools = sorted({one for one in pool_session_ids if one is not None})
    if len(pools) > 1:
        found = [tx.one("top_of_pool", pool_session_id=one) for one in pools]
        pools = sorted({row["top_session_id"] for row in found if row is not None})
    for one in pools:
        tx.one("lock_budget", pool_session_id=one)


def read_pools(tx: Transaction, *pool_session_ids: str) -> Pools:
    """These pools and all that share the outermost one with them; as they stand, without a lock."""
    ids = msgspec.json.encode(pool_session_ids).decode()
    return Pools(_pool(row) for row in tx.all("pools_around", ids=ids))


def locked_pools(tx: Transaction, pool_session_id: str) -> Pools:
    """The same for one pool, while nobody else can change them."""
    lock_pools(tx, pool_session_id)
    return read_pools(tx, pool_session_id)


def enter(tx: Transaction, session_id: str, asked: Limits | None, usual: AgentLimits | None = None) -> None:
    """A session that was just inserted gets a pool of its own, if it is to have a budget.

    `asked` is what was asked for, refused when the pool above has not enough left (Conflict `budget_insufficient`);
    `usual` is what its agent has by default, cut to what is left.
    """
    if not _amounts(usual) | _amounts(asked):
        return
    above = _pool_of(tx, session_id)
    pools = Pools([]) if above is None else locked_pools(tx, above)
    settle(tx, pools)
    wanted = _within(pools, above, _amounts(usual)) | _amounts(asked)
    if not wanted:
        return
    pools.by_id[session_id] = Pool(session_id=session_id, above=above, limits=wanted)
    top = session_id if above is None else [*pools.chain(above)][-1].session_id
    limits = {f"limit_{unit}": wanted.get(unit) for unit in UNITS}
    tx.run("insert_budget", session_id=session_id, top_session_id=top, above_session_id=above, **limits, now=tx.now_ms)
    tx.run("enter_pool", session_id=session_id)
    short = pools.open(session_id)
    if short is not None:
        raise insufficient(short)
    write_pools(tx, pools)


def begin(tx: Transaction, session_id: str, limits: Amounts) -> None:
    """A session at work gets a pool, for itself and all below it; what they have spent already counts.

    They are locked. Conflict `budget_fixed` when one of them draws from a pool.
    """
    ids = msgspec.json.encode([row["session_id"] for row in subtree(tx, session_id)]).decode()
    other = tx.one("pool_among", ids=ids)
    if other is not None:
        raise Conflict(
            f"{other['pool_session_id']}, below {session_id}, has a budget of its own.",
            code="budget_fixed",
            hint=f"Change that one: callboard budget {other['pool_session_id']}",
        )
    columns = {f"limit_{unit}": limits.get(unit) for unit in UNITS}
    tx.run(
        "insert_budget",
        session_id=session_id,
        top_session_id=session_id,
        above_session_id=None,
        **columns,
        now=tx.now_ms,
    )
    for query in ("draw_sessions", "draw_runs"):
        tx.run(query, pool_session_id=session_id, ids=ids)
    spent = tx.all("spent_by_sessions", ids=ids)[0]
    pool = Pool(session_id=session_id, limits=limits, spent={unit: spent[unit] for unit in UNITS}, is_open=True)
    write_pools(tx, Pools([pool]))


def open_for_run(tx: Transaction, session_id: str, *, partly: bool) -> None:
    """A run of the session begins to exist: its pool holds again what it had given back when it was done.

    Conflict `budget_insufficient` when that is not there any more, unless a part will do.
    """
    pool = _pool_of(tx, session_id)
    if pool is None:
        return
    pools = locked_pools(tx, pool)
    if not pools.by_id[pool].is_open:
        settle(tx, pools)
        short = pools.open(pool, partly=partly)
        if short is not None:
            raise insufficient(short)
        write_pools(tx, pools)


def check_price(tx: Transaction, session_id: str, model: str | None) -> None:
    """InvalidRequest `budget_unpriced` for a model without a price in a session with a budget in dollars."""
    pool = _pool_of(tx, session_id)
    if pool is None or model is None or prices.plain_model(model) in prices.ALIASES:
        return
    if prices.price_of(model, tx.now_ms) is None and _has_dollars(read_pools(tx, pool), pool):
        raise InvalidRequest(
            f"{model} has no known price, so that a budget in dollars cannot be kept.",
            code="budget_unpriced",
            hint="Use limits.budget_tokens, or a model with a price.",
            errors=[{"pointer": "/model", "message": "has no known price"}],
        )


def charge(tx: Transaction, run: Row, booked: Iterable[UsageRow]) -> bool:
    """Spends what was just booked of a run; whether the run has to stop now. Others are told to by a hint."""
    pool, rows = run["pool_session_id"], list(booked)
    if pool is None or not rows:
        return False
    pools = locked_pools(tx, pool)
    pools.charge(pool, {"microdollars": _cost(rows), "tokens": sum(map(_tokens, rows))})
    if pools.must_stop(pool):
        settle(tx, pools)
    write_pools(tx, pools)
    if pools.must_stop(pool):
        tx.hint(BudgetDue())
        return True
    return _has_dollars(pools, pool) and any(row.cost_microdollars is None and _tokens(row) for row in rows)


def short_to_start(tx: Transaction, pool_session_id: str | None) -> Shortage | None:
    """Why no run may start that draws from this pool; None when one may, or without a pool."""
    return None if pool_session_id is None else read_pools(tx, pool_session_id).starts_nothing(pool_session_id)


def left_for(tx: Transaction, pool_session_id: str | None) -> Amounts:
    """What a run that starts now may spend at most, by unit; no entry where nothing limits it."""
    if pool_session_id is None:
        return {}
    pools = read_pools(tx, pool_session_id)
    found: Amounts = {}
    for pool in reversed([*pools.chain(pool_session_id)]):
        found |= {unit: max(0, pools.left(pool, unit)) for unit in pool.limits}
    return found


def busy_pools(runs: Collection[Row]) -> set[str]:
    """The pools in which runs have not ended; the rows are of the query `runs_of_pools`."""
    return {row["pool_session_id"] for row in runs}


def write_pools(tx: Transaction, pools: Pools) -> None:
    """Writes all pools of a tree as they are now."""
    for pool in pools.by_id.values():
        columns = {
            f"{name}_{unit}": getattr(pool, attribute).get(unit) for name, attribute in _COLUMNS for unit in UNITS
        }
        tx.run("write_budget", session_id=pool.session_id, is_open=int(pool.is_open), **columns)


def insufficient(short: Shortage) -> Conflict:
    """The refusal of a reservation, with what is left."""
    left, wanted = amount_in_words(short.unit, short.left), amount_in_words(short.unit, short.wanted)
    return Conflict(
        f"The budget of {short.session_id} has {left} left, not {wanted}.",
        code="budget_insufficient",
        hint=f"Ask for at most {left}, wait until others end, or let a person raise it: "
        f"callboard budget {short.session_id} --budget DOLLARS",
        errors=[
            {"session_id": short.session_id, f"left_{short.unit}": short.left, f"wanted_{short.unit}": short.wanted}
        ],
    )


def insufficient_for_raise(pool: Pool, short: Shortage) -> Conflict:
    """The refusal of a person's raise: how much it may be in all, and what has to be raised first for more."""
    most = pool.spent[short.unit] + short.left
    left, at_most = amount_in_words(short.unit, short.left), amount_in_words(short.unit, most)
    spent = amount_in_words(short.unit, pool.spent[short.unit])
    option = "--budget DOLLARS" if short.unit == "microdollars" else "--budget-tokens TOKENS"
    return Conflict(
        f"This budget can be at most {at_most} in all: {spent} of it is spent, "
        f"and the budget of {short.session_id} above it has {left} left.",
        code="budget_insufficient",
        hint=f"For more raise that one first: callboard budget {short.session_id} {option}",
        errors=[
            {
                "session_id": short.session_id,
                f"left_{short.unit}": short.left,
                f"wanted_{short.unit}": short.wanted,
                f"most_{short.unit}": most,
            }
        ],
    )


def exhausted_sentence(tx: Transaction, pool_session_id: str | None) -> str | None:
    """With figures, why nothing may start in a pool, or go on; None when something may."""
    if pool_session_id is None:
        return None
    pools = read_pools(tx, pool_session_id)
    short = pools.starts_nothing(pool_session_id)
    return None if short is None else shortage_sentence(pools, short)


def shortage_sentence(pools: Pools, short: Shortage) -> str:
    """What a pool has spent and reserved, of how much."""
    pool, unit = pools.by_id[short.session_id], short.unit
    spent, limit = amount_in_words(unit, pool.spent[unit]), amount_in_words(unit, pool.limits[unit])
    reserved = pools.reserved(pool, unit)
    more = f" and {amount_in_words(unit, reserved)} is reserved by its children" if reserved else ""
    return f"The budget of {pool.session_id} is used up: {spent} of {limit} is spent{more}."


_COLUMNS = (("limit", "limits"), ("spent", "spent"), ("held", "held"))


def _pool(row: Row) -> Pool:
    return Pool(
        session_id=row["session_id"],
        above=row["above_session_id"],
        limits={unit: row[f"limit_{unit}"] for unit in UNITS if row[f"limit_{unit}"] is not None},
        spent={unit: row[f"spent_{unit}"] for unit in UNITS},
        held={unit: row[f"held_{unit}"] for unit in UNITS},
        is_open=bool(row["is_open"]),
    )


def _pool_of(tx: Transaction, session_id: str) -> str | None:
    session = tx.one("session_by_id", session_id=session_id)
    return session["pool_session_id"] if session else None


def settle(tx: Transaction, pools: Pools) -> None:
    """Takes back what pools hold in which nothing runs any more; their tree is locked."""
    if pools.by_id:
        ids = msgspec.json.encode([*pools.by_id]).decode()
        pools.settle(busy_pools(tx.all("runs_of_pools", ids=ids)))


def _amounts(limits: Limits | AgentLimits | None) -> Amounts:
    if limits is None:
        return {}
    found = {unit: getattr(limits, f"budget_{unit}") for unit in UNITS}
    return {unit: amount for unit, amount in found.items() if amount is not None}


def _within(pools: Pools, above: str | None, usual: Amounts) -> Amounts:
    """What an agent has by default, cut to what is left; where that is nothing, it draws from above as others do."""
    if above is None:
        return usual
    most = {unit: max(0, pools.left(pool, unit)) for pool in reversed([*pools.chain(above)]) for unit in pool.limits}
    cut = {unit: min(amount, most.get(unit, amount)) for unit, amount in usual.items()}
    return {unit: amount for unit, amount in cut.items() if amount > 0}


def _has_dollars(pools: Pools, pool_session_id: str) -> bool:
    return any("microdollars" in pool.limits for pool in pools.chain(pool_session_id))


def _cost(rows: list[UsageRow]) -> int:
    return sum(row.cost_microdollars or 0 for row in rows)


def _tokens(row: UsageRow) -> int:
    return row.input_tokens + row.output_tokens + row.cache_read_tokens + row.cache_creation_tokens
