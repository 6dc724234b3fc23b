"""A person at a browser: logs in by a link, looks at pages, and hears what the console complains of."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final, Literal

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, ViewportSize

from tests.architecture.tree import REPOSITORY
from tests.support.coordinator import Coordinator

AXE: Final = REPOSITORY / "web" / "node_modules" / "axe-core" / "axe.min.js"
WIDE: Final[ViewportSize] = {"width": 1280, "height": 860}
NARROW: Final[ViewportSize] = {"width": 360, "height": 740}
SERIOUS: Final = ("serious", "critical")
HOSTILE: Final = (
    "<script>alert(1)</script> <svg onload=alert(2)> ![i](http://evil.test/x.png) [l](javascript:alert(3)) "
    "exe.\u202egnp \u001b[31mred\u001b[0m"
)
HOURS_OFF: Final = "{ const now = Date.now.bind(Date); Date.now = () => now() + 7 * 3_600_000; }"
EVERY_RULE: Final[dict[str, Any]] = {"resultTypes": ["violations"]}
OF_COLOURS: Final = EVERY_RULE | {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
LOOKS: Final[tuple[tuple[Literal["light", "dark"], ViewportSize, dict[str, Any]], ...]] = (
    ("light", WIDE, EVERY_RULE),
    ("dark", WIDE, OF_COLOURS),
    ("light", NARROW, OF_COLOURS),
    ("dark", NARROW, EVERY_RULE),
)
"""Only colours are of a look that others do not have both sides of."""
RUN_AXE: Final = "(rules) => axe.run(document, rules)"
OVERFLOWS: Final = "() => document.documentElement.scrollWidth > innerWidth"
HEADINGS: Final = "() => [...document.querySelectorAll('h1')].filter((one) => one.checkVisibility()).length"
LONG_TASKS: Final = """() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.longest = Math.max(window.longest, one.duration);
  }).observe({ type: "longtask" });
}"""


class Visitor(AbstractContextManager["Visitor"]):
    """One window with one page, logged in."""

    def __init__(self, browser: Browser, coordinator: Coordinator, *, narrow: bool = False, script: str = "") -> None:
        self.coordinator = coordinator
        self.context: BrowserContext = browser.new_context(viewport=NARROW if narrow else WIDE)
        self.context.set_default_timeout(10_000)
        if script:
            self.context.add_init_script(script)
        self.page: Page = self.context.new_page()
        self.heard: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.heard.append(str(error)))
        self.page.on("dialog", lambda dialog: self.heard.append(f"dialog: {dialog.message}"))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def log_in(self, place: str = "/ui/", *, token: str | None = None, page: Page | None = None) -> Page:
        """Come by a new one-time link that leads to a place, as the owner or as whose token is given."""
        tab = page or self.page
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        link = self.coordinator.http.post("/login/links", json={}, headers=headers).json()
        tab.goto(f"{self.coordinator.url}/ui/login#code={link['code']}&next={place}")
        tab.wait_for_url(self.coordinator.url + place)
        return tab

    def go(self, path: str) -> Page:
        """Open a page anew."""
        self.page.goto(self.coordinator.url + path)
        return self.page

    def complaints_of_axe(self, rules: dict[str, Any] = EVERY_RULE) -> list[str]:
        """What is serious of what axe finds, with the places."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: dict[str, Any] = self.page.evaluate(RUN_AXE, rules)
        return [
            f"{one['id']}: {[node['html'][:200] + ' ' + node['failureSummary'][:200] for node in one['nodes'][:3]]}"
            for one in found["violations"]
            if one["impact"] in SERIOUS
        ]

    def faults_of_looks(self) -> list[tuple[str, int, object]]:
        """What axe finds, and sideways scrolling, of the page as it stands: wide and narrow, light and dark."""
        found: list[tuple[str, int, object]] = []
        for scheme, size, rules in LOOKS:
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size(size)
            found += [(scheme, size["width"], fault) for fault in self.complaints_of_axe(rules)]
            if self.page.evaluate(OVERFLOWS):
                found.append((scheme, size["width"], "scrolls sideways"))
            if (headings := self.page.evaluate(HEADINGS)) != 1:
                found.append((scheme, size["width"], f"{headings} headings of the page"))
        self.page.set_viewport_size(WIDE)
        return found

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.heard.append(message.text)


def initial_scripts(static: Path) -> list[Path]:
    """The scripts that the first look at the dashboard loads: the entry, its home page, and all that they import."""
    manifest = json.loads((static / "manifest.json").read_text(encoding="utf-8"))
    seen: set[str]
    wanted, seen = ["ui/index.html", "src/pages/Home.tsx"], set()
    while wanted:
        name = wanted.pop()
        if name not in seen:
            seen.add(name)
            wanted += manifest[name].get("imports", [])
    return [static / manifest[name]["file"] for name in sorted(seen)]
