"""A81: the inbox of approvals in a real Chromium: one decision stands, whoever makes it, and wherever it is seen."""

import re
from typing import Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from callboard.wire.responses import RunCreated
from tests.browser.pages import Visitor
from tests.support.coordinator import QUICK, Coordinator
from tests.support.world import World

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser"), pytest.mark.timeout(120)]

PATIENCE: Final = 20_000
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
    third = asking(coordinator, "run rm -r build", "Clean up")
    with Visitor(browser, coordinator) as desk, Visitor(browser, coordinator, narrow=True) as phone:
        for person in (desk, phone):
            person.log_in("/ui/approvals")
            expect(request_of(person.page, "Clean up")).to_be_visible(timeout=PATIENCE)
        change = request_of(desk.page, "Rename it")
        expect(change.get_by_text("- one")).to_be_visible()
        expect(change.get_by_text("+ two")).to_be_visible()
        desk.page.keyboard.press("j")
        expect(request_of(desk.page, "Add an index")).to_be_focused()
        desk.page.keyboard.press("a")
        expect(request_of(phone.page, "Add an index").get_by_text("Allowed")).to_be_visible(timeout=PATIENCE)
        expect(request_of(phone.page, "Add an index").get_by_role("button", name="Deny")).to_have_count(0)
        request_of(phone.page, "Rename it").get_by_label("Reason, told to the agent").fill("not now")
        request_of(phone.page, "Rename it").get_by_role("button", name="Deny").click()
        expect(change.get_by_text("Denied")).to_be_visible(timeout=PATIENCE)
        expect(change.get_by_text("not now")).to_be_visible(timeout=PATIENCE)
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
