"""What a worktree changes against the commit it began at, with what is not committed; changes nothing."""

from typing import Any, Final

from callboard.wire.jobs import Diff, DiffText
from callboard.workspace.names import check_commit
from callboard.workspace.proof import MOST_NAMED, check_folder, titles_only_on, uncommitted
from callboard.workspace.refusal import WorkspaceRefused
from callboard.workspace.repository import Linked, Repository
from callboard.workspace.view import View, view

SECONDS: Final = 15.0
MAX_FILES: Final = 2000
_PLAIN: Final = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=dirty")


def diff_of(repository: Repository, linked: Linked, order: Diff) -> DiffText:
    """The difference as text and by file; the text is cut at `max_bytes`. Raises WorkspaceRefused."""
    base = check_commit(order.base_commit)
    check_folder(repository, linked)
    branch, head = repository.head(linked)
    with view(repository, linked, head) as shown:
        dirty = uncommitted(shown)
        _add_unknown(shown)
        said = shown.run("diff", *_PLAIN, base, "--", seconds=SECONDS, most_bytes=max(1, order.max_bytes))
        files = _files(shown, base)
    unpushed = 0 if head is None else repository.count_only_on(head, branch)
    return DiffText(
        text=said.out.decode(errors="replace"),
        truncated=said.truncated,
        files=files,
        uncommitted=bool(dirty),
        unpushed=unpushed,
        uncommitted_paths=dirty[: MOST_NAMED + 1],
        unpushed_titles=titles_only_on(repository, head, branch) if unpushed and head is not None else [],
    )


def _add_unknown(shown: View) -> None:
    """Have git know the files that it does not know yet; a repository without a commit in there it leaves out (1)."""
    try:
        shown.run("add", "--intent-to-add", "--ignore-errors", "--", ".", fine=(0, 1), seconds=SECONDS)
    except WorkspaceRefused as refused:
        if refused.code != "git_failed":
            raise
        hint = f"Look what hinders it: git -C {shown.worktree} add --dry-run ."
        raise WorkspaceRefused(refused.code, refused.sentence, hint) from refused


def _files(shown: View, base: str) -> list[dict[str, Any]]:
    """Path, status letter and counts of each file; counts of binary files are null."""
    letters = _pairs(shown.run("diff", *_PLAIN, "--no-renames", "--name-status", "-z", base, "--", seconds=SECONDS).out)
    counted = shown.run("diff", *_PLAIN, "--no-renames", "--numstat", "-z", base, "--", seconds=SECONDS).out
    counts = {path: (plus, minus) for plus, minus, path in _triples(counted)}
    return [
        {
            "path": path.decode(errors="replace"),
            "status": letter.decode(errors="replace"),
            "insertions": _number(counts.get(path, (b"-", b"-"))[0]),
            "deletions": _number(counts.get(path, (b"-", b"-"))[1]),
        }
        for letter, path in letters[:MAX_FILES]
    ]


def _pairs(out: bytes) -> list[tuple[bytes, bytes]]:
    parts = out.split(b"\0")
    return list(zip(parts[0:-1:2], parts[1::2], strict=False))


def _triples(out: bytes) -> list[tuple[bytes, bytes, bytes]]:
    found = []
    for line in out.split(b"\0"):
        plus, _, rest = line.partition(b"\t")
        minus, _, path = rest.partition(b"\t")
        if path:
            found.append((plus, minus, path))
    return found


def _number(text: bytes) -> int | None:
    return int(text) if text.isdigit() else None
