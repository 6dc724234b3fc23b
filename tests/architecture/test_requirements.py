"""What is promised and what proves it name each other."""

from tests.architecture.tree import REPOSITORY, python_files
from tests.requirements import TESTS, known, named_by_file, named_in


def test_every_requirement_that_a_test_names_exists() -> None:
    assert {number: paths for number, paths in named_by_file().items() if not known(number)} == {}


def test_every_acceptance_test_names_what_it_proves() -> None:
    tests = [path for path in python_files(TESTS / "acceptance") if path.name.startswith("test_")]
    assert [str(path.relative_to(REPOSITORY)) for path in tests if not named_in(path)] == []
