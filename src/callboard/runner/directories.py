"""Where a run may work: the run's directory, resolved without links, inside the roots of this runner."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from callboard.domain.demands import inside

RefusalCode = Literal["project_dir_missing", "project_dir_outside_roots"]


class DirectoryRefused(Exception):
    """The run cannot work there; `code` says why, the text is a sentence."""

    def __init__(self, code: RefusalCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def working_directory(
    project_dir: str | None, base: Path, roots: Sequence[Path], is_workspace: Callable[[Path], bool] = lambda _: False
) -> Path:
    """The real path of a run's directory; `base` when the run names none. Raises DirectoryRefused.

    Outside of the roots it may be a worktree that was prepared for a work session: `is_workspace` of its real path.

    Links are followed once, here; the path that comes out has none, so that a link which is swapped in later
    is seen as another path by whoever enters it.
    """
    asked = Path(project_dir) if project_dir is not None else base
    if not asked.is_absolute():
        raise DirectoryRefused("project_dir_outside_roots", f"{asked} is no absolute path.")
    real = _resolved(asked)
    if not any(inside(str(real), str(root)) for root in roots) and not is_workspace(real):
        allowed = ", ".join(str(root) for root in roots)
        raise DirectoryRefused("project_dir_outside_roots", f"{asked} leads to {real}, outside the roots: {allowed}.")
    return real


def real_roots(project_dir: Path, roots: Sequence[Path]) -> tuple[Path, ...]:
    """The roots of a runner, resolved and each once: its own directory and those named besides."""
    return tuple(dict.fromkeys(root.resolve(strict=True) for root in (project_dir, *roots)))


def _resolved(asked: Path) -> Path:
    try:
        real = asked.resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as cause:
        raise DirectoryRefused("project_dir_missing", f"{asked} cannot be opened: {cause}.") from cause
    if not real.is_dir():
        raise DirectoryRefused("project_dir_missing", f"{asked} is no directory.")
    return real
