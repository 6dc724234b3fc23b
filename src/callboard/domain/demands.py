"""What a run requires of a runner, and whether a runner fits: one pure decision that also answers *why*."""

import hashlib
import json
import posixpath
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal

import msgspec

from callboard.domain.errors import InvalidRequest

REMEMBERED: Final = 4096
"""Demands whose text and class are kept: most runs demand what others did before."""

ReasonCode = Literal[
    "hostname_differs",
    "host_preferred",
    "executor_missing",
    "prompt_is_script",
    "outside_roots",
    "tag_missing",
    "needs_shared_tag",
    "runner_lost",
    "runner_draining",
    "no_free_slot",
]
REASON_CODES: Final[dict[str, str]] = {
    "hostname_differs": "The run must go to {wanted}; this runner is on {found}.",
    "host_preferred": "The conversation is on {wanted}, which may take the run alone for {found} more.",
    "executor_missing": "The run needs the executor {wanted}; this runner offers {found}.",
    "prompt_is_script": "{wanted} may run its prompt as a script on this runner; this one holds text from elsewhere.",
    "outside_roots": "The directory {wanted} is outside this runner's roots ({found}).",
    "tag_missing": "The run demands the tag {wanted}; this runner has {found}.",
    "needs_shared_tag": "This runner only takes runs that share one of its tags ({found}).",
    "runner_lost": "This runner has not been heard of for {found} s.",
    "runner_draining": "This runner is draining and takes no new runs.",
    "no_free_slot": "All {found} slots of this runner are in use.",
}
"""The closed list of reasons why a runner does not take a run, each with its sentence."""


class Demands(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a run requires; a property that is None is not demanded."""

    executor_type: str
    hostname: str | None = None
    project_dir: str | None = None
    repository: str | None = None
    """Of a worktree: the repository that it belongs to; who may work in that may work in the worktree."""
    tags: tuple[str, ...] = ()
    prompt_as_data: bool = False
    """The prompt holds text from elsewhere: no interpreter may get it as a script."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a runner is and offers. `roots` are real, absolute directories."""

    hostname: str
    roots: tuple[str, ...]
    executor_types: tuple[str, ...]
    tags: tuple[str, ...] = ()
    require_matching_tags: bool = False
    script_executor_types: tuple[str, ...] = ()
    """Executors that run their prompt as a script."""


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a runner does not fit."""

    code: ReasonCode
    wanted: str = ""
    found: str = ""

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return REASON_CODES[self.code].format(wanted=self.wanted or "none", found=self.found or "none")


def merge(*parts: tuple[str, Demands | None], executor_type: str, tags: Iterable[str] = ()) -> Demands:
    """Demands that meet all parts (source, demands); InvalidRequest `contradicting_demands` when none can."""
    hostname = _agreed("hostname", [(source, part.hostname) for source, part in parts if part])
    project_dir = _agreed("project_dir", [(source, part.project_dir) for source, part in parts if part])
    repository = next((part.repository for _, part in parts if part and part.repository), None)
    _agreed("executor_type", [(source, part.executor_type) for source, part in parts if part])
    united = set(tags).union(*(part.tags for _, part in parts if part))
    return Demands(
        executor_type=executor_type,
        hostname=hostname,
        project_dir=project_dir,
        repository=repository,
        tags=tuple(sorted(united)),
    )


def _agreed(name: str, wanted: list[tuple[str, str | None]]) -> str | None:
    found: tuple[str, str] | None = None
    for source, value in wanted:
        if value is None or (found and found[1] == value):
            continue
        if found:
            raise InvalidRequest(
                f"{name}: {found[0]} demands {found[1]!r}, {source} demands {value!r}.",
                code="contradicting_demands",
                hint=f"Leave {name} out, or ask for {found[1]!r}.",
            )
        found = (source, value)
    return found[1] if found else None


@lru_cache(REMEMBERED)
def demand_class(demands: Demands) -> str:
    """A short key that runs with equal demands share."""
    return hashlib.sha256(canonical(demands).encode()).hexdigest()[:20]


@lru_cache(REMEMBERED)
def canonical(demands: Demands) -> str:
    """Demands as JSON with sorted keys and tags."""
    return json.dumps(msgspec.to_builtins(demands), sort_keys=True, separators=(",", ":"))


def inside(directory: str, root: str) -> bool:
    """Whether an absolute directory lies lexically in or under a root."""
    path, base = posixpath.normpath(directory), posixpath.normpath(root)
    return path == base or path.startswith(base.rstrip("/") + "/")


def match(demands: Demands, offer: Offer) -> list[Reason]:
    """All reasons why the offer does not meet the demands; none means that it fits."""
    return [*_place_reasons(demands, offer), *_tag_reasons(demands, offer)]


def _place_reasons(demands: Demands, offer: Offer) -> list[Reason]:
    reasons: list[Reason] = []
    if demands.hostname is not None and demands.hostname != offer.hostname:
        reasons.append(Reason(code="hostname_differs", wanted=demands.hostname, found=offer.hostname))
    if demands.executor_type not in offer.executor_types:
        reasons.append(
            Reason(code="executor_missing", wanted=demands.executor_type, found=", ".join(offer.executor_types))
        )
    if demands.prompt_as_data and demands.executor_type in offer.script_executor_types:
        reasons.append(Reason(code="prompt_is_script", wanted=demands.executor_type))
    if demands.project_dir is not None and not _directory_fits(demands, offer):
        reasons.append(Reason(code="outside_roots", wanted=demands.project_dir, found=", ".join(offer.roots)))
    return reasons


def _directory_fits(demands: Demands, offer: Offer) -> bool:
    directories = [one for one in (demands.project_dir, demands.repository) if one is not None]
    return any(inside(directory, root) for directory in directories for root in offer.roots)


def _tag_reasons(demands: Demands, offer: Offer) -> list[Reason]:
    missing = sorted(set(demands.tags) - set(offer.tags))
    reasons = [Reason(code="tag_missing", wanted=tag, found=", ".join(offer.tags)) for tag in missing]
    if offer.require_matching_tags and not set(demands.tags) & set(offer.tags):
        reasons.append(Reason(code="needs_shared_tag", found=", ".join(offer.tags)))
    return reasons
