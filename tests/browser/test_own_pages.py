"""S4, A81: our own pages in a real browser: no error, no foreign script, no frame; and the API for who has a token."""

from typing import Any, Final

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.browser.evil import EvilServer
from tests.browser.victim import CANARY, Victim

pytestmark = [pytest.mark.browser, pytest.mark.slow]

READ: Final = """async (token) => {
  const answer = await fetch("/sessions", { headers: { Authorization: `Bearer ${token}` } });
  return [answer.status, await answer.text()];
}"""
FRAME: Final = """(url) => new Promise((resolve) => {
  const frame = Object.assign(document.createElement("iframe"), { src: url });
  frame.onload = () => resolve(frame.contentDocument?.title ?? "refused");
  document.body.append(frame);
})"""
SCRIPT: Final = """(source) => new Promise((resolve) => {
  document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), { once: true });
  const script = document.createElement("script");
  script.onload = () => resolve("run");
  if (source) script.src = source; else script.textContent = "document.title = 'run'";
  document.body.append(script);
  if (!source && document.title === "run") resolve("run");
})"""
SEND: Final = """(url) => new Promise((resolve) => {
  document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective), { once: true });
  fetch(url).then(() => resolve("sent"), () => {});
})"""


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A page that keeps what the console says."""
    return context.new_page()


def complaints(page: Page) -> list[str]:
    """What the console, scripts and requests complain of from here on."""
    heard: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            heard.append(message.text)

    page.on("console", listen)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("requestfailed", lambda request: heard.append(request.url))
    return heard


@pytest.mark.parametrize("path", ["/", "/ui/", "/ui/sessions/7f3k2q", "/chat/?agent=reviewer"])
def test_a81_our_pages_load_without_a_complaint(victim: Victim, page: Page, path: str) -> None:
    heard = complaints(page)
    answer = page.goto(victim.url + path, wait_until="load")
    assert answer is not None
    assert answer.status == 200
    assert answer.url == victim.url + ("/ui/" if path == "/" else path)
    assert page.title() == "Callboard"
    assert heard == []


def test_s4_our_page_reads_the_api_with_a_token_and_not_without(victim: Victim, page: Page) -> None:
    """S4: what is refused to strangers works here, so the other tests do not pass by an accident."""
    page.goto(victim.url + "/ui/")
    status, text = page.evaluate(READ, victim.token)
    assert status == 200
    assert CANARY in text
    status, text = page.evaluate(READ, "wrong")
    assert status == 401
    assert CANARY not in text


def test_s4_our_page_stands_in_no_frame_not_even_our_own(victim: Victim, page: Page) -> None:
    """S4: `frame-ancestors 'none'`, of pages and answers of the API."""
    page.goto(victim.url + "/ui/")
    heard = complaints(page)
    for path in ("/ui/", "/", "/chat/", "/healthz"):
        assert page.evaluate(FRAME, path) == "refused", path
    assert sum("frame-ancestors" in one for one in heard) == 4, heard


def test_s4_no_script_from_elsewhere_runs_on_our_page(victim: Victim, page: Page, evil: EvilServer) -> None:
    """S4: inline or from another address; and nothing is sent to another address."""
    elsewhere: Any = f"http://127.0.0.1:{evil.port}/evil.js"
    for source in (None, elsewhere):
        page.goto(victim.url + "/ui/")
        assert page.evaluate(SCRIPT, source) == "script-src-elem"
        assert page.title() == "Callboard"
    page.goto(victim.url + "/ui/")
    assert page.evaluate(SEND, elsewhere) == "connect-src"
