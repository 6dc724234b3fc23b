"""S10: where a run may work is decided by real paths, not by names."""

from pathlib import Path

import pytest

from callboard.runner.directories import DirectoryRefused, real_roots, working_directory


@pytest.fixture
def base(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    (project / "inner").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    return project


def test_a_run_that_names_no_directory_works_in_the_base(base: Path) -> None:
    assert working_directory(None, base, [base]) == base


def test_a_link_that_stays_inside_is_followed_once_and_disappears(base: Path) -> None:
    (base / "link").symlink_to(base / "inner")
    assert working_directory(str(base / "link"), base, [base]) == base / "inner"


@pytest.mark.parametrize("asked", ["link", "inner/../../outside", "chain"])
def test_what_leads_outside_is_refused(base: Path, asked: str) -> None:
    (base / "link").symlink_to(base.parent / "outside")
    (base / "chain").symlink_to(base / "link")
    with pytest.raises(DirectoryRefused) as refused:
        working_directory(str(base / asked), base, [base])
    assert refused.value.code == "project_dir_outside_roots"


@pytest.mark.parametrize("asked", ["missing", "file", "loop", "nul\0byte"])
def test_what_is_no_directory_is_missing(base: Path, asked: str) -> None:
    (base / "file").write_text("")
    (base / "loop").symlink_to(base / "loop")
    with pytest.raises(DirectoryRefused) as refused:
        working_directory(str(base / asked), base, [base])
    assert refused.value.code == "project_dir_missing"


def test_a_relative_path_is_nobodys_directory(base: Path) -> None:
    with pytest.raises(DirectoryRefused) as refused:
        working_directory("inner", base, [base])
    assert refused.value.code == "project_dir_outside_roots"


def test_a_sibling_with_the_same_beginning_is_outside(base: Path) -> None:
    (base.parent / "project-two").mkdir()
    with pytest.raises(DirectoryRefused):
        working_directory(str(base.parent / "project-two"), base, [base])


def test_roots_are_real_paths_and_hold_the_base(base: Path) -> None:
    (base.parent / "link").symlink_to(base.parent / "outside")
    assert real_roots(base, [base.parent / "link", base]) == (base, base.parent / "outside")
