"""D9: sums of the ledger on a terminal."""

from callboard.cli.usage import names_of
from callboard.domain.usage import UsageTotal
from callboard.wire.responses import UsageGroup


def group(key: str, name: str | None = None) -> UsageGroup:
    return UsageGroup(key=key, usage=UsageTotal(), name=name)


def test_groups_that_share_a_name_are_told_apart_and_none_is_nameless() -> None:
    """D9: two runners of a host; the person of a run from before persons were recorded is not guessed."""
    runners = [group("rnr_00aaaaab", "host"), group("rnr_00aaaaac", "host"), group("rnr_00aaaaad", "other"), group("")]
    assert names_of("runner", runners) == ["host (…00aaaaab)", "host (…00aaaaac)", "other", "-"]
    assert names_of("user", [group("tok_1", "Ada"), group("")]) == ["Ada", "not recorded"]
