"""What a runner is and offers, as options of `runner` and of `up`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from cyclopts import Group, Parameter
from cyclopts.types import PositiveInt

RUNNER: Final = Group("The runner", sort_key=50)


@Parameter(name="*", group=RUNNER)
@dataclass(frozen=True, kw_only=True)
class Offer:
    """What the runner is and offers."""

    project_dir: Annotated[Path | None, Parameter(help="Its base directory; default: this one.")] = None
    root: Annotated[
        list[Path] | None, Parameter(help="Directory that it may work in besides its base; may be repeated.")
    ] = None
    executor: Annotated[list[str] | None, Parameter(help="Offer only this executor; may be repeated.")] = None
    tag: Annotated[list[str] | None, Parameter(help="Tag that runs can demand; may be repeated.")] = None
    require_matching_tags: Annotated[bool, Parameter(help="Take only runs that share a tag.")] = False
    slots: Annotated[PositiveInt | None, Parameter(help="Most runs at once; default: two for each core.")] = None
    name: Annotated[str | None, Parameter(help="Name, to tell several runners of one directory apart.")] = None
    hostname: Annotated[str | None, Parameter(help="Name of this machine; default: the system's.")] = None
    allow_shell: Annotated[bool, Parameter(help="Let the executor `command` run what people ask for with sh.")] = False
    config: Annotated[Path | None, Parameter(help="TOML file with these settings and with executors.")] = None

    def as_arguments(self) -> list[str]:
        """The same options as arguments of a `callboard runner`."""
        arguments: list[str] = []
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            option = f"--{name.replace('_', '-')}"
            if value is True:
                arguments.append(option)
            elif value not in (None, False):
                for one in value if isinstance(value, list) else [value]:
                    arguments += [option, str(one)]
        return arguments


NO_OFFER: Final = Offer()
