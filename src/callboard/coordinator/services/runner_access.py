"""Whether a caller is the runner that it says it is, and the present process of it."""

from callboard.coordinator.services.fleet import FleetRunner
from callboard.domain.caller import Caller
from callboard.domain.errors import Conflict, Forbidden, NotFound
from callboard.store.database import Transaction


def check_runner(caller: Caller, runner_id: str, epoch: int, runner: FleetRunner | None) -> FleetRunner:
    """The runner; Forbidden, NotFound or Conflict `runner_superseded` when the caller may not speak for it."""
    if caller.kind != "runner" or caller.runner_id != runner_id:
        raise Forbidden(
            f"This token does not speak for the runner {runner_id}.",
            hint="Use the runner's own credential, from its state folder.",
        )
    if runner is None:
        raise _not_registered(runner_id)
    if epoch < runner.epoch:
        raise _superseded(epoch, runner.epoch)
    return runner


def check_epoch(tx: Transaction, runner_id: str, epoch: int) -> None:
    """The same of the epoch, by the row: memory may not have heard of a registration at another coordinator."""
    row = tx.one("runner_by_id", runner_id=runner_id)
    if row is None:
        raise _not_registered(runner_id)
    if epoch < row["epoch"]:
        raise _superseded(epoch, row["epoch"])


def _not_registered(runner_id: str) -> NotFound:
    return NotFound(f"The runner {runner_id} is not registered.", code="runner_not_found", hint="Register it again.")


def _superseded(epoch: int, newest: int) -> Conflict:
    return Conflict(
        f"A newer process of this runner has registered (epoch {newest}, this one has {epoch}).",
        code="runner_superseded",
        hint="End this process; the newer one goes on with its agents.",
    )
