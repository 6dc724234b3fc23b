"""Settings of the command line and where each came from: flag, environment, project file, user file, default.

Knows no command. The settings of a coordinator and of a runner stand in tables of the same files and are theirs.
"""

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from callboard.domain.errors import InvalidRequest, refuse_all

PROJECT_FILE: Final = Path(".callboard") / "config.toml"
USER_FILE: Final = Path("callboard") / "config.toml"
COLORS: Final = ("auto", "always", "never")
TABLES: Final = ("coordinator", "runner", "executors", "checks")
"""Tables of the user's file that others read."""
OF_REPOSITORY: Final = ("checks",)
"""What a project's file may hold besides settings: for runners that trust the file, see `callboard trust`."""
_MAX_FILE_BYTES: Final = 1024 * 1024
_MAX_POINTER_BYTES: Final = 8192


class Setting(NamedTuple):
    """One setting. `in_project` says whether a project's file may set it: what decides where a token goes may not."""

    name: str
    kind: type
    default: Any
    in_project: bool
    help: str

    @property
    def environment(self) -> str:
        """The variable that sets it."""
        return f"CALLBOARD_{self.name.upper()}"


SETTINGS: Final = (
    Setting("url", str, None, False, "Address of the coordinator; default: the local one."),
    Setting("token_file", str, None, False, "File with the token; default: the local coordinator's."),
    Setting("data_dir", str, None, False, "Directory of the local coordinator."),
    Setting("project", str, None, True, "Project for references and new runs."),
    Setting("agent", str, None, True, "Agent of new sessions."),
    Setting("executor", str, None, True, "Executor of new sessions."),
    Setting("context", str, None, True, "Context of new sessions: persistent or fresh."),
    Setting("tags", list, (), True, "Tags that new runs demand."),
    Setting("tracker", str, None, True, "Where the project's issues are: local or github; read by `project add`."),
    Setting("base_branch", str, None, True, "Branch at which work on issues begins; read by `project add`."),
    Setting("worktree_prefix", str, None, True, "What worktrees' names begin with; default: the folder's and a dash."),
    Setting("worktree_root", str, None, True, "Directory of worktrees; default: that of the repository."),
    Setting(
        "issue_authors", list, (), True, "Whose issues on GitHub may begin work besides its members'; `project add`."
    ),
    Setting("color", str, "auto", False, "auto, always or never."),
    Setting("no_input", bool, False, False, "Never ask; what would have to ask fails."),
)
BY_NAME: Final = {setting.name: setting for setting in SETTINGS}
OUTSIDE: Final = frozenset({"CALLBOARD_TOKEN", "CALLBOARD_TRACKING", "CALLBOARD_CI", "CALLBOARD_DEBUG"})
"""Variables with our prefix that are no settings."""


class Found(NamedTuple):
    """A value and where it came from."""

    value: Any
    origin: str


@dataclass(frozen=True)
class Settings:
    """Every setting with its origin, and the tables that others read."""

    found: Mapping[str, Found]
    tables: Mapping[str, Found]
    files: tuple[Path, ...]

    def __getitem__(self, name: str) -> Any:
        return self.found[name].value

    def with_flags(self, **flags: Any) -> "Settings":
        """The same, but a flag that was given outweighs everything."""
        given = {name: Found(value, "flag") for name, value in flags.items() if value not in (None, (), [])}
        return Settings({**self.found, **given}, self.tables, self.files)


def read_settings(
    environment: Mapping[str, str] = os.environ, directory: Path | None = None, *, strict: bool = True
) -> Settings:
    """All settings as they hold in a directory (default: the current one).

    InvalidRequest names each unknown key and each value of the wrong kind, with the nearest name; not `strict`, for
    who looks at the tables besides, leaves those out.
    """
    user, project = user_file(environment), _project_file_here() if directory is None else project_file(directory)
    found = {setting.name: Found(setting.default, "default") for setting in SETTINGS}
    tables: dict[str, Found] = {}
    wrong: list[InvalidRequest] = []
    files = [path for path in (user, project) if path is not None and path.is_file()]
    for path in files:
        values = _read(path, wrong, of_project=path == project)
        for name in [name for name in TABLES if name in values]:
            table = Found(values.pop(name), str(path))
            if path == user:
                tables[name] = table
        found |= {name: Found(value, str(path)) for name, value in values.items()}
    found |= _from_environment(environment, wrong)
    if strict:
        refuse_all(wrong, f"{len(wrong)} settings are wrong.", hint="callboard config check")
    return Settings(found, tables, tuple(files))


def whole_path(given: Path | None = None) -> Path:
    """An absolute path, from the current directory when it is relative; InvalidRequest when that was deleted."""
    try:
        return (given or Path.cwd()).expanduser().resolve()
    except FileNotFoundError:
        raise InvalidRequest(
            "The directory that this runs in is gone.", hint="Change to one that exists, or name it: --project-dir."
        ) from None


def user_file(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's file, whether it exists or not."""
    home = environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or Path.home()) / ".config"
    return Path(home) / USER_FILE


def project_file(directory: Path) -> Path | None:
    """The nearest project's file in the directory or above it, not beyond its repository."""
    for folder in (directory, *directory.parents):
        if (folder / PROJECT_FILE).is_file():
            return folder / PROJECT_FILE
        if (folder / ".git").exists():
            home = repository_of_worktree(folder)
            return home / PROJECT_FILE if home is not None and (home / PROJECT_FILE).is_file() else None
    return None


def repository_of_worktree(folder: Path) -> Path | None:
    """The directory whose repository has this one as a linked worktree; None when it is no such worktree."""
    pointer = folder / ".git"
    try:
        if not pointer.is_file() or pointer.stat().st_size > _MAX_POINTER_BYTES:
            return None
        private = folder / pointer.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
        common = (private / (private / "commondir").read_text(encoding="utf-8").strip()).resolve()
    except (OSError, ValueError):
        return None
    return common.parent if common.name == ".git" else None


def named_checks(directory: Path) -> list[str]:
    """The checks that the project's file of a directory names: a list of names, or tables [checks.NAME]."""
    file = project_file(directory)
    return [str(name) for name in read_toml(file).get("checks", ())] if file is not None else []


def _project_file_here() -> Path | None:
    try:
        return project_file(Path.cwd())
    except FileNotFoundError:  # somebody deleted the directory: most commands need none
        return None


def read_toml(path: Path) -> dict[str, Any]:
    """What a TOML file holds; InvalidRequest when it cannot be read."""
    try:
        with path.open("rb") as opened:
            return tomllib.loads(opened.read(_MAX_FILE_BYTES).decode())
    except (OSError, ValueError) as problem:
        raise InvalidRequest(f"{path} cannot be read: {problem}.", hint="Correct the file.") from problem


def _read(path: Path, wrong: list[InvalidRequest], *, of_project: bool) -> dict[str, Any]:
    """What fits in a file; the rest is noted as wrong."""
    values: dict[str, Any] = {}
    try:
        for name, value in read_toml(path).items():
            try:
                _check(name, value, str(path), of_project=of_project)
            except InvalidRequest as problem:
                wrong.append(problem)
            else:
                values[name] = value
    except InvalidRequest as unreadable:
        wrong.append(unreadable)
    return values


def _check(name: str, value: Any, origin: str, *, of_project: bool = False) -> None:
    if name in TABLES and not of_project and isinstance(value, dict):
        return
    if name in OF_REPOSITORY and of_project and isinstance(value, dict | list):
        return
    setting = BY_NAME.get(name)
    if setting is None:
        near = difflib.get_close_matches(name, [*BY_NAME, *TABLES], 1)
        hint = f"Did you mean {near[0]}?" if near else "`callboard config show` lists all settings."
        raise InvalidRequest(f"{origin}: there is no setting {name!r}.", hint=hint)
    if of_project and not setting.in_project:
        raise InvalidRequest(
            f"{origin}: a project may not set {name!r}, because it decides where your token goes or what you see.",
            hint=f"Set it in {user_file()} instead.",
        )
    if not isinstance(value, setting.kind):
        raise InvalidRequest(f"{origin}: {name} must be of the kind {setting.kind.__name__}, not {value!r}.")
    if name == "color" and value not in COLORS:
        raise InvalidRequest(f"{origin}: {value!r} is none of {', '.join(COLORS)}.")


def _from_environment(environment: Mapping[str, str], wrong: list[InvalidRequest]) -> dict[str, Found]:
    found = {}
    for setting in SETTINGS:
        text = environment.get(setting.environment)
        if text:
            try:
                found[setting.name] = Found(_of_text(setting, text), setting.environment)
            except InvalidRequest as problem:
                wrong.append(problem)
    return found


def _of_text(setting: Setting, text: str) -> Any:
    if setting.kind is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    if setting.name == "color" and text not in COLORS:
        raise InvalidRequest(f"{setting.environment}: {text!r} is none of {', '.join(COLORS)}.")
    if setting.kind is bool:
        if text.lower() not in ("0", "1", "false", "true", "no", "yes"):
            raise InvalidRequest(f"{setting.environment}: {text!r} is neither true nor false.")
        return text.lower() in ("1", "true", "yes")
    return text
