"""A browser on the real Prefect UI of real services."""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from chromium import CHROMIUM, FLAGS, SCREENSHOTS
from live_services import Live, live


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without Chromium there is nothing to test here."""
    missing = None
    if not Path(CHROMIUM).exists() and shutil.which("chromium") is None:
        missing = f"Chromium is not installed ({CHROMIUM}): apt-get install -y chromium"
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.slow)
            if missing:
                item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture(scope="session")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """``lbt up`` for all browser tests."""
    with live(tmp_path_factory.mktemp("services")) as running:
        yield running


@pytest.fixture
def page(services: Live) -> Iterator[Any]:
    """A page of a fresh browser."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only with Chromium

    path = CHROMIUM if Path(CHROMIUM).exists() else shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        opened = browser.new_page(viewport={"width": 1280, "height": 860}, base_url=services.ui)
        opened.set_default_timeout(60_000)
        yield opened
        browser.close()


@pytest.fixture
def shot(page: Any, request: pytest.FixtureRequest) -> Any:
    """Writes a numbered screenshot of the page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    test = re.sub(r"\W+", "-", request.node.name.removeprefix("test_"))
    taken: list[str] = []

    def take(name: str) -> None:
        page.wait_for_timeout(700)  # the page's own transitions
        taken.append(name)
        page.screenshot(path=SCREENSHOTS / f"{test}-{len(taken):02d}-{name}.png")

    return take
