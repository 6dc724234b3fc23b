"""Markdown with front matter: splits the two, and reads the YAML safely: plain JSON values, bounded, without aliases.

Knows no agent. Words are read as YAML 1.2 reads them: `no` and `on` are text, dates are text.
"""

import re
from typing import Any, Final

import yaml

from callboard.domain.errors import InvalidRequest
from callboard.domain.text import check_tree

MAX_YAML_BYTES: Final = 98_304
MAX_DEPTH: Final = 40
MAX_NODES: Final = 20_000
_LINE: Final = re.compile(r"([A-Za-z][A-Za-z_-]*):(?:[ \t]+(.*))?")
_CORE: Final = (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
)


class BadFrontMatter(InvalidRequest):
    """The file is no Markdown with front matter that can be read."""

    default_code = "invalid_agent"


def split(text: str) -> tuple[str, str]:
    """The front matter and the body of a file; BadFrontMatter when it has none."""
    lines = text.removeprefix("\N{BYTE ORDER MARK}").replace("\r\n", "\n").split("\n")
    if lines[0].rstrip() != "---":
        raise BadFrontMatter("The file does not begin with a line `---`.", hint="Front matter stands between two.")
    ends = (number for number, line in enumerate(lines[1:], 1) if line.rstrip() == "---")
    end = next(ends, None)
    if end is None:
        raise BadFrontMatter("The front matter does not end: there is no second line `---`.")
    return "\n".join(lines[1:end]), "\n".join(lines[end + 1 :]).strip()


def read(front: str) -> dict[str, Any]:
    """The values of a front matter; BadFrontMatter says where it is wrong."""
    if len(front.encode(errors="replace")) > MAX_YAML_BYTES:
        raise BadFrontMatter(f"The front matter has more than {MAX_YAML_BYTES} bytes.")
    loader = None
    try:
        loader = _Loader(front)
        value = loader.get_single_data()
    except yaml.YAMLError as problem:
        raise BadFrontMatter(f"The front matter is no YAML that is read here: {_words(problem)}.") from None
    except (ValueError, RecursionError):
        raise BadFrontMatter("The front matter holds a value that cannot be read.") from None
    finally:
        if loader is not None:
            loader.dispose()
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadFrontMatter("The front matter is a list or a text; it has to be `name: value` lines.")
    check_tree(value, "")
    return value


def read_lines(front: str) -> dict[str, Any]:
    """The values of a front matter that is only meant as YAML: the text after each `name:` that begins a line."""
    found: dict[str, Any] = {}
    for line in front.split("\n"):
        begun = _LINE.fullmatch(line)
        if begun:
            found.setdefault(begun[1], (begun[2] or "").strip())
    check_tree(found, "")
    return found


def _next_event(parser: Any) -> Any:
    return parser.peek_event()


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with nothing but JSON values, no aliases, no repeated keys, and bounds."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = _next_event(self)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.YAMLError("anchors and aliases are not taken")
        self._depth += 1
        self._nodes += 1
        if self._depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise yaml.YAMLError(f"it has more than {MAX_DEPTH} levels or {MAX_NODES} values")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_int(self, node: Any) -> int:
        """In tens; what begins with a zero is no octal number."""
        return int(self.construct_scalar(node))

    def construct_float(self, node: Any) -> float:
        return float(self.construct_scalar(node))

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        if any(not isinstance(name, str) for name in names):
            raise yaml.constructor.ConstructorError(None, None, "a key is no text", node.start_mark)
        if len(set(names)) < len(names):
            raise yaml.constructor.ConstructorError(None, None, "a key is there twice", node.start_mark)
        return yaml.constructor.BaseConstructor.construct_mapping(self, node, deep=deep)


_KINDS: Final = ("null", "bool", "int", "float", "str", "seq", "map")
_Loader.yaml_implicit_resolvers = {}
_Loader.yaml_constructors = {
    tag: make
    for tag, make in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix("tag:yaml.org,2002:") in _KINDS
}
for _kind, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(_pattern), _first)
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_float)


def _words(problem: yaml.YAMLError) -> str:
    mark = getattr(problem, "problem_mark", None)
    text = str(getattr(problem, "problem", None) or problem).partition("\n")[0][:200]
    return text if mark is None else f"{text} (line {mark.line + 2})"
