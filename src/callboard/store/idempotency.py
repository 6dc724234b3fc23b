"""The answers that were given to idempotency keys, written in the transaction that created the thing.

Knows nothing of requests in flight and nothing of what the answers mean.
"""

from typing import Final

from callboard.domain.errors import InvalidRequest
from callboard.domain.idempotency import KEPT_MS, Idempotency
from callboard.store.database import Transaction

FORGET_BATCH: Final = 500


def remembered(tx: Transaction, idempotency: Idempotency | None) -> bytes | None:
    """The answer that this request got before; InvalidRequest `idempotency_mismatch` when the body was another."""
    answered = remembered_with_status(tx, idempotency)
    return None if answered is None else answered[1]


def remembered_with_status(tx: Transaction, idempotency: Idempotency | None) -> tuple[int, bytes] | None:
    """The same, with the HTTP status of that answer."""
    if idempotency is None:
        return None
    row = tx.one(
        "remembered_answer",
        token_id=idempotency.token_id,
        key=idempotency.key,
        oldest=tx.now_ms - KEPT_MS,
    )
    if row is None:
        return None
    if row["body_hash"] != idempotency.body_hash:
        raise InvalidRequest(
            f"The Idempotency-Key {idempotency.key!r} came with another request before.",
            code="idempotency_mismatch",
            hint="Use a new key for a new request.",
        )
    return row["status"], row["answer"].encode()


def remember(tx: Transaction, idempotency: Idempotency | None, status: int, answer: bytes) -> None:
    """Keeps the answer of a request for its repeats; does nothing without a key.

    ConstraintFailed when another work kept one meanwhile: this one is undone, and done again finds that answer.
    """
    if idempotency is None:
        return
    tx.run("forget_answer", token_id=idempotency.token_id, key=idempotency.key, oldest=tx.now_ms - KEPT_MS)
    tx.run(
        "remember_answer",
        token_id=idempotency.token_id,
        key=idempotency.key,
        body_hash=idempotency.body_hash,
        status=status,
        answer=answer.decode(),
        now=tx.now_ms,
    )


def forget_old(tx: Transaction) -> int:
    """Removes a batch of answers that are older than a day; the number removed."""
    return tx.run("forget_old_answers", oldest=tx.now_ms - KEPT_MS, most=FORGET_BATCH)
