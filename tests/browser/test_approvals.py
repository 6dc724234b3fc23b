"""A81: the inbox of approvals in a real Chromium: one decision stands, whoever makes it, and wherever it is seen."""

import json
import re
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from callboard.wire.responses import RunCreated
from tests.browser.pages import HOURS_OFF, Visitor
from tests.support.coordinator import QUICK, Coordinator
from tests.support.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(120)]

PATIENCE: Final = 20_000
QUESTION: Final = {
    "questions": [
        {
            "question": "Which port?",
            "header": "Port",
            "options": [
                {"label": "80", "description": "the usual one"},
                {"label": "8080", "description": "above 1024"},
            ],
            "multiSelect": False,
        }
    ]
}
HOSTILE_CALL: Final = {
    "description": "<b>Only</b> looks",
    "dangerouslyDisableSandbox": True,
    "command": 'rm -r "build" \\\n  && ls <img src=x> \x1b]0;$(rm x)\x07\u202e',
}
SHOWN_CALL: Final = re.compile(
    r'rm -r "build" \\\n  && ls <img src=x> .U\+001B.\]0;\$\(rm x\).U\+0007..U\+202E.', re.DOTALL
)
"""The command as a shell would read it: not as JSON, with nothing taken out that a terminal would hide."""
EDIT: Final = 'ask Edit {"file_path": "a.py", "old_string": "one", "new_string": "two"}'


@pytest.fixture(scope="module")
def coordinator(pages_world: World) -> Coordinator:
    """Return a coordinator with a runner."""
    started = pages_world.coordinator(**QUICK)
    pages_world.runner(started)
    return started


def asking(coordinator: Coordinator, script: str, title: str) -> RunCreated:
    """A run whose agent waits for a permission."""
    made = coordinator.start_run(script, title=title, permission_mode="ask")
    coordinator.until_event(made, "approval_requested")
    return made


def request_of(page: Page, title: str) -> Locator:
    """What one session asks, in the inbox."""
    return page.get_by_role("region", name=re.compile(title))


def test_a81_two_tabs_and_an_end_settle_each_approval_once(coordinator: Coordinator, browser: Browser) -> None:
    """D8: by key, with a reason; the other tab is settled by itself, and one whose agent is stopped has expired."""
    first = asking(coordinator, "run psql -f 4.sql\nsay went on", "Add an index")
    second = asking(coordinator, EDIT, "Rename it")
    third = asking(coordinator, f"ask Bash {json.dumps(HOSTILE_CALL)}", "Clean up")
    with Visitor(browser, coordinator) as desk, Visitor(browser, coordinator, narrow=True, script=HOURS_OFF) as phone:
        for person in (desk, phone):
            person.log_in("/ui/approvals")
            expect(request_of(person.page, "Clean up")).to_be_visible(timeout=PATIENCE)
        waits = request_of(phone.page, "Clean up").locator("time").first
        expect(waits).to_have_text(re.compile(r"^waits (\d+s|\dm)$"))
        call = request_of(desk.page, "Clean up")
        expect(call.get_by_label("Command")).to_have_text(SHOWN_CALL, use_inner_text=True)
        expect(call.get_by_text("The agent says of it: <b>Only</b> looks")).to_be_visible()
        expect(call.get_by_text("dangerous: turns the sandbox off; removes whole folders")).to_be_visible()
        change = request_of(desk.page, "Rename it")
        expect(change.get_by_text("- one")).to_be_visible()
        expect(change.get_by_text("+ two")).to_be_visible()
        desk.page.keyboard.press("j")
        expect(request_of(desk.page, "Add an index")).to_be_focused()
        desk.page.keyboard.press("a")
        expect(request_of(phone.page, "Add an index").get_by_text("Allowed")).to_be_visible(timeout=PATIENCE)
        expect(request_of(phone.page, "Add an index").get_by_role("button", name="Deny")).to_have_count(0)
        expect(request_of(desk.page, "Add an index").get_by_text("Allowed")).to_be_visible(timeout=PATIENCE)
        desk.page.keyboard.press("r")
        expect(request_of(desk.page, "Rename it").get_by_label("Reason, told to the agent")).to_be_focused()
        request_of(phone.page, "Rename it").get_by_label("Reason, told to the agent").fill("not now")
        request_of(phone.page, "Rename it").get_by_role("button", name="Deny").click()
        expect(change.get_by_text("Denied")).to_be_visible(timeout=PATIENCE)
        expect(change.get_by_text("not now")).to_be_visible(timeout=PATIENCE)
        expect(change.get_by_text("by the owner's token file, in a browser")).to_be_visible()
        coordinator.http.post(f"/sessions/{third.session_id}/stop", json={})
        expect(request_of(desk.page, "Clean up").get_by_text("Expired")).to_be_visible(timeout=PATIENCE)
        desk.page.reload()
        expect(desk.page.get_by_text("No agent waits for a permission.")).to_be_visible(timeout=PATIENCE)
        assert desk.heard + phone.heard == []
    assert coordinator.ended(first.run_id).reason == "completed"
    assert "denied Edit: not now" in coordinator.said(second.session_id)


def test_a81_what_was_decided_elsewhere_or_expired_under_the_finger_says_so(
    browser: Browser, coordinator: Coordinator
) -> None:
    """D8: a tab that has not heard of it is refused in words, and decides nothing."""
    made = asking(coordinator, "run make", "Build it")
    with Visitor(browser, coordinator) as person:
        person.page.route("**/sse/**", lambda route: route.abort())
        page = person.log_in("/ui/approvals")
        card = request_of(page, f"run of .*{made.session_id[-6:]}")
        expect(card).to_be_visible(timeout=PATIENCE)
        coordinator.http.post(f"/sessions/{made.session_id}/stop", json={})
        coordinator.until_event(made, "approval_expired")
        card.get_by_role("button", name="Allow once").click()
        expect(card.get_by_text("Expired", exact=False).first).to_be_visible(timeout=PATIENCE)
        expect(card.get_by_role("button", name="Allow once")).to_have_count(0)
        late = asking(coordinator, "run make", "Build it too")
        page.reload()
        (waits,) = coordinator.http.get("/approvals", params={"status": "pending"}).json()["items"]
        card = request_of(page, f"run of .*{late.session_id[-6:]}")
        expect(card).to_be_visible(timeout=PATIENCE)
        decision = {"decision": "allow", "content_hash": waits["content_hash"]}
        coordinator.http.post(f"/approvals/{waits['approval_id']}/decide", json=decision).raise_for_status()
        card.get_by_role("button", name="Deny").click()
        expect(page.get_by_text("Somebody was faster: it is allowed already.")).to_be_visible()


def test_d8_what_a_session_is_allowed_and_what_it_asks_is_decided_by_key(
    browser: Browser, coordinator: Coordinator
) -> None:
    """D8, H3: for the session, with what that allows; a question by its number, a plan that goes back; taken back."""
    script = [
        EDIT,
        EDIT,
        f"ask AskUserQuestion {json.dumps(QUESTION)}",
        'ask ExitPlanMode {"plan": "# First\\n- a *test*"}',
    ]
    made = asking(coordinator, "\n".join(script), "Ask me all")
    with Visitor(browser, coordinator) as person:
        page = person.log_in("/ui/approvals")
        card = request_of(page, "Ask me all")
        expect(card.get_by_text("a.py, whatever it does there")).to_be_visible(timeout=PATIENCE)
        page.keyboard.press("j")
        page.keyboard.press("s")
        question = card.filter(has_text="Which port?")
        expect(question.get_by_text("above 1024")).to_be_visible(timeout=PATIENCE)
        assert person.faults_of_looks() == []
        shown = coordinator.session(made.session_id)
        assert (shown.waiting_for, shown.group) == ("question", "needs_you")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog").get_by_text("Give this answer to the question")).to_have_count(1)
        page.keyboard.press("Escape")
        page.keyboard.press("2")
        plan = card.filter(has_text="First")
        expect(plan.get_by_role("heading", name="First")).to_be_visible(timeout=PATIENCE)
        expect(plan.get_by_role("button", name="Request changes")).to_be_disabled()
        plan.get_by_label("What is to be changed").fill("no tests")
        plan.get_by_role("button", name="Request changes").click()
        expect(question.get_by_text("Answered")).to_be_visible()
        expect(question.get_by_role("definition")).to_have_text("8080")
        card.filter(has_text="Allowed for this session").get_by_role("button", name="Ask again").click()
        expect(page.get_by_text("The agent asks again from now on.")).to_be_visible()
        assert person.heard == []
    coordinator.ended(made.run_id)
    answers = json.dumps({"answers": {"Which port?": "8080"}})[1:-1]
    said = coordinator.said(made.session_id)
    assert said[:2] == ["allowed Edit", "allowed Edit"]
    assert answers in said[2]
    assert said[3] == "denied ExitPlanMode: no tests"
