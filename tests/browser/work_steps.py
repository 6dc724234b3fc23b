"""Steps of the tests of the pages of work that are told apart: a start, and a start again with a branch."""

import re
import shutil

from playwright.sync_api import Page, expect

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


def start_and_come_back(page: Page, word: str) -> None:
    """The way back closes the dialog; once it is sent, its address is that of no start any more."""
    dialog = page.get_by_role("dialog")
    page.get_by_role("button", name="Start").click()
    page.go_back()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Start").click()
    expect(dialog.get_by_role("button", name=word)).to_be_enabled()
    dialog.get_by_label("Executor").press("Control+Enter")
    expect(dialog.get_by_role("button", name="Open the session")).to_be_focused()
    expect(dialog.get_by_text("Needs a report")).to_be_visible(timeout=20_000)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/ui/sessions/ses_"))
    page.go_back()
    expect(page).to_have_url(re.compile("/milestones/2$"))
    expect(dialog).to_be_hidden()
