"""How heavy the page is, how soon it is there, and whether everyone can use it."""

from __future__ import annotations

import dataclasses
import sys
from importlib import resources
from pathlib import Path
from typing import Literal

import pytest
from page_client import LITE, TURBO, Run, is_live, preview
from playwright.sync_api import Browser, Page

AXE = Path(sys.prefix) / "node/node_modules/axe-core/axe.min.js"
MOST_BYTES = 150_000


def test_it_weighs_little_and_comes_from_here_alone(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with preview(Run()) as web:
        page.goto(web.name)
        is_live(page)
        origin = web.name.split("/#")[0]
    assert all(url.startswith((origin, "ws://127.0.0.1", "blob:")) for url in asked)
    files = [each for each in (resources.files("livestyle.control") / "page").iterdir()]
    assert sum(len(each.read_bytes()) for each in files) <= MOST_BYTES


def test_it_is_there_within_a_second(page: Page) -> None:
    with preview(Run()) as web:
        page.goto(web.name)
        is_live(page)
        painted = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint').map((each) => each.startTime)"
        )
    assert painted and painted[0] <= 1000


@pytest.fixture(scope="module")
def axe() -> str:
    """The script that looks for what shuts people out."""
    if not AXE.exists():
        pytest.skip(f"{AXE} is not there: tools/install_test_packages.sh")
    return AXE.read_text()


@pytest.mark.parametrize("scheme", ["dark", "light"])
@pytest.mark.parametrize("state", ["lite", "turbo", "canvas", "blank", "off", "help", "phone"])
def test_axe_finds_nothing_serious(
    browser: Browser, axe: str, scheme: Literal["dark", "light"], state: str
) -> None:
    config = LITE if state == "lite" else TURBO
    if state in ("canvas", "blank"):
        config = dataclasses.replace(config, source=state)
    config = dataclasses.replace(config, off=state == "off")
    size = {"width": 360, "height": 780} if state == "phone" else {"width": 1440, "height": 900}
    context = browser.new_context(viewport=size, color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    with preview(Run(config)) as web:
        page.goto(web.name)
        is_live(page)
        for each in ("#advanced", "#counts"):
            page.locator(f"{each} summary").click()
        page.locator("#wipe-open").click()
        page.locator("#keep-open").click()
        page.locator("#keep-add").click()
        page.wait_for_timeout(500)
        if state == "help":
            page.keyboard.press("?")
        page.evaluate(axe)
        found = page.evaluate("axe.run().then((each) => each.violations)")
    context.close()
    grave = [each for each in found if each["impact"] in ("serious", "critical")]
    told = [(each["id"], [node["html"][:90] for node in each["nodes"]]) for each in grave]
    assert told == []
