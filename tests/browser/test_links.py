"""S4 in a real browser: a link on a stranger's page opens our static page, opens nothing else, and gets no handle."""

from typing import Final

import pytest
from playwright.sync_api import BrowserContext, Page, Response

from tests.browser.evil import EvilServer
from tests.browser.victim import CANARY, Victim

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LINK: Final = """(url) => {
  document.body.append(Object.assign(document.createElement("a"), { href: url, id: "link", textContent: "link" }));
}"""
OPEN: Final = """(url) => { window.opened = window.open(url); }"""


@pytest.fixture
def stranger(context: BrowserContext, evil: EvilServer) -> Page:
    """A page of another site."""
    page = context.new_page()
    page.goto(f"http://evil.test:{evil.port}/", wait_until="load")
    return page


def clicked(page: Page, url: str) -> Response:
    """What a click on a link of the page to this address gets."""
    page.evaluate(LINK, url)
    with page.expect_navigation() as navigation:
        page.click("#link")
    answer: Response = navigation.value
    return answer


@pytest.mark.parametrize("path", ["/", "/ui/", "/ui/sessions/7f3k2q", "/chat/?agent=reviewer"])
def test_s4_a_link_on_another_site_opens_our_page(victim: Victim, stranger: Page, path: str) -> None:
    """S4: also by another name of this machine, which is another site."""
    for url in (victim.url, victim.url.replace("127.0.0.1", "localhost")):
        before = stranger.url
        assert clicked(stranger, url + path).status == 200
        assert stranger.title() == "Callboard"
        assert CANARY not in stranger.content()
        stranger.goto(before)


@pytest.mark.parametrize("path", ["/sessions", "/sse/sessions", "/healthz", "/openapi.json", "/metrics", "/nothing"])
def test_s4_a_link_on_another_site_opens_no_data(victim: Victim, stranger: Page, path: str) -> None:
    victim.forget()
    assert clicked(stranger, victim.url + path).status == 403
    assert victim.answered() == {403}
    assert CANARY not in stranger.content()


def test_s4_who_opens_our_page_in_a_window_holds_nothing_of_it(victim: Victim, stranger: Page) -> None:
    """S4: the opener's handle is closed, and our page has no opener that it could be led by."""
    with stranger.expect_popup() as opening:
        stranger.evaluate(OPEN, victim.url + "/ui/sessions/7f3k2q")
    ours = opening.value
    ours.wait_for_load_state("load")
    assert ours.title() == "Callboard"
    stranger.wait_for_function("window.opened.closed")
    assert ours.evaluate("window.opener") is None
