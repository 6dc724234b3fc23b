"""The sources of the pages, as far as they can be looked at without Node."""

import re

from tests.architecture.tree import REPOSITORY, files

WEB = REPOSITORY / "web"
GENERATED = WEB / "src" / "api" / "schema.ts"
FILE_LINES = 400


def test_the_lock_of_the_pages_names_no_registry_and_pins_every_package() -> None:
    lock = (WEB / "package-lock.json").read_text(encoding="utf-8")
    assert '"resolved"' not in lock
    assert lock.count('"integrity": "sha512-') > 50
    package = (WEB / "package.json").read_text(encoding="utf-8")
    versions = re.findall(r'^    "[@a-z][^"]*": "([^"]+)"', package.partition('"dependencies"')[2], re.MULTILINE)
    assert versions
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_no_source_of_the_pages_is_longer_than_its_budget_or_silent() -> None:
    """Each begins by saying what it does."""
    found = [path for path in files(WEB / "src") if path.suffix in (".ts", ".tsx") and path != GENERATED]
    assert len(found) > 20
    texts = {path.name: path.read_text(encoding="utf-8") for path in found}
    assert {name: len(text.splitlines()) for name, text in texts.items() if text.count("\n") > FILE_LINES} == {}
    assert [name for name, text in texts.items() if not text.startswith("//")] == []


def test_pages_write_no_markup_from_text_and_load_nothing_from_elsewhere() -> None:
    """S4: what agents say is written as text; and the policy of the pages would forbid the rest anyhow."""
    dangerous = re.compile(
        r"dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    )
    elsewhere = re.compile(r"""(?:fetch|import|src=|href=)\(?\s*["'`]https?://""")
    for path in files(WEB / "src", WEB / "ui", WEB / "chat"):
        text = path.read_text(encoding="utf-8")
        assert not dangerous.search(text), path
        assert not elsewhere.search(text), path
