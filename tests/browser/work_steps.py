"""Steps of the tests of the pages of work that are told apart: how work goes on whose worktree somebody removed."""

import re
import shutil

from playwright.sync_api import expect

from tests.browser.pages import Visitor
from tests.browser.work_stage import Stage


def begin_again_with_the_branch(stage: Stage, visitor: Visitor) -> None:
    """R24: a restart would fail the same way for ever; one button leads from the board to the start with the branch."""
    task_id = stage.shop.session(stage.failed)["work"]["task_id"]
    stuck: str = stage.post(f"/tasks/{task_id}/run")["session_id"]
    stage.until(stuck, "stuck")
    path = stage.shop.session(stuck)["workspace"]["path"]
    shutil.rmtree(path)
    stage.post(f"/sessions/{stuck}/lifecycle", action="restart", text="Once more.")
    page = visitor.go(f"/ui/sessions/{stuck}?view=guidance")
    head = page.locator("main header")
    expect(head.get_by_role("button", name="Start again with the branch")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("The folder of its worktree is gone: no run of it hears this.")).to_be_visible()
    for name in ("Restart", "Give it and restart", "Retry"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    assert visitor.faults_of_looks() == []
    visitor.go("/ui/work/shop/board")
    card = page.get_by_role("article", name=re.compile("Fails its check")).filter(has_text="Start again")
    card.get_by_role("button", name="Start again with the branch").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"The folder of its worktree, {path}, is gone")
    assert visitor.faults_of_looks() == []
    dialog.get_by_role("button", name="Delete it, keep the branch").click()
    page.wait_for_url(re.compile(r"/issues/6\?start=task&branch=reuse$"))
    expect(dialog.get_by_label("If the branch is there already")).to_have_value("reuse")
    dialog.get_by_role("button", name="Start the task #6 on issue-6").click(timeout=20_000)
    expect(dialog.get_by_text("Branch issue-6 in", exact=False)).to_be_visible(timeout=20_000)
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/issues/6$"))
