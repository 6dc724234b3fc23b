"""Budgets: what is small is read."""

import statistics

from tests.architecture.tree import CODE, REPOSITORY, SOURCE, files, functions, python_files

FILE_LINES = 400
FUNCTION_LINES = 50
MEDIAN_FUNCTION_LINES = 9
README_LINES = 150
DECISION_LINES = 40
COUNTED = frozenset({".py", ".sql", ".html", ".css", ".js", ".ts", ".tsx"})


def test_no_file_is_longer_than_its_budget() -> None:
    lengths = {
        str(path.relative_to(REPOSITORY)): len(path.read_text(encoding="utf-8").splitlines())
        for path in files(*CODE)
        if path.suffix in COUNTED
    }
    assert {path: lines for path, lines in lengths.items() if lines > FILE_LINES} == {}


def test_what_a_newcomer_reads_first_is_short() -> None:
    decisions = dict.fromkeys((REPOSITORY / "docs" / "decisions").glob("*.md"), DECISION_LINES)
    budgets = {REPOSITORY / "README.md": README_LINES} | decisions
    assert len(budgets) > 1
    assert [path.name for path, most in budgets.items() if len(path.read_text("utf-8").splitlines()) > most] == []


def test_no_function_is_longer_than_its_budget() -> None:
    long = [str(one) for path in python_files(*CODE) for one in functions(path) if one.lines > FUNCTION_LINES]
    assert long == []


def test_the_median_function_is_short() -> None:
    lengths = [one.lines_without_docstring for path in python_files(SOURCE) for one in functions(path)]
    assert statistics.median(lengths) <= MEDIAN_FUNCTION_LINES
