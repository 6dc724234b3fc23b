"""`callboard runner` alone: the daemon. What it then does is the runner's own business."""

from callboard.cli.app import noun_app
from callboard.cli.context import Context
from callboard.cli.options import NO_SHOW, NO_WHERE, Show, Where
from callboard.cli.runner_offer import NO_OFFER, Offer


def runner(*, offer: Offer = NO_OFFER, where: Where = NO_WHERE, show: Show = NO_SHOW) -> int:
    """Run a runner on this machine, until Ctrl-C; its agents live on and the next start finds them.

    It dials out to the coordinator and needs no open port.
    The first time it joins with the coordinator's runner-token; then it has a credential in its state folder.
    """
    # Imported here because the words that follow `runner` do not need them.
    import asyncio  # noqa: PLC0415

    from callboard.cli.runner_start import settings_of  # noqa: PLC0415
    from callboard.runner.daemon import run_runner  # noqa: PLC0415
    from callboard.runner.environment import drop_token_from_environment  # noqa: PLC0415

    drop_token_from_environment()
    context = Context(show, where)
    return asyncio.run(run_runner(settings_of(context, offer)))


app = noun_app("runner", default=runner)
