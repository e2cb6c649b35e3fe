"""``lbt view`` in a real browser: from a pair to the answer that decided it, the keyboard, a narrow
screen, live pages, and texts that attack the page."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from chromium import CHROMIUM, FLAGS, SCREENSHOTS
from made_run import Made, config_of, make_run

ROOT = Path(__file__).parents[2]
HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked=2'>\u202egnp.exe\x1b[31m "
    "$\\href{javascript:alert(1)}{x}$ and $\\frac{dy}{dx} = 3y$\n'''\n[[Final Answer]]:\n$1$\n'''"
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    uri = str(tmp_path_factory.mktemp("view") / "made")
    first = make_run(uri, config_of()).plan.problems["train"][0].id
    return make_run(uri, config_of(), texts={first: HOSTILE})


@pytest.fixture(scope="module")
def address(made: Made) -> Iterator[str]:
    """The command as a user starts it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "view", made.store.files.uri, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0


@pytest.fixture
def seen(address: str) -> Iterator[Any]:
    """A page whose console must stay clean, errors of the content security policy among them."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - only with Chromium

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = browser.new_context(
            viewport={"width": 1280, "height": 860},
            base_url=address,
            permissions=["clipboard-read", "clipboard-write"],
        )
        page = context.new_page()
        page.set_default_timeout(30_000)
        wrong: list[str] = []
        page.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda e: wrong.append(str(e)))
        # going elsewhere while a file is on its way is no failure
        gone = lambda r: None if r.failure == "net::ERR_ABORTED" else wrong.append(r.url)  # noqa: E731
        page.on("requestfailed", gone)
        foreign = lambda r: None if r.url.startswith(address) else wrong.append(r.url)  # noqa: E731
        page.on("request", foreign)
        yield page
        browser.close()
    assert wrong == []


def take(page: Any, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(300)
    page.screenshot(path=SCREENSHOTS / f"view-{name}.png")


def test_from_a_pair_to_the_exam_answer_that_decided_it_in_three_clicks(seen: Any) -> None:
    seen.goto("/")
    seen.get_by_role("link", name="combined").click()
    seen.locator("a[data-row]").first.click()
    seen.locator("tr.decides a.mark").first.click()
    seen.get_by_role("heading", name="Exam answer").wait_for()
    assert "/answer?" in seen.url
    text = seen.locator("main .math.text").first
    assert "By analogy" in text.inner_text()
    take(seen, "answer")


def test_a_filter_narrows_the_list_in_place_and_stays_in_the_address(seen: Any) -> None:
    seen.goto("/rationales")
    before = seen.locator("#list .pager").first.inner_text()
    seen.evaluate("window.same = true")
    seen.get_by_label("Verdict").select_option("incorrect")
    seen.wait_for_url("**verdict=incorrect**")
    assert seen.evaluate("window.same")  # the page was not loaded anew
    after = seen.locator("#list .pager").first.inner_text()
    assert before != after
    assert {t.inner_text() for t in seen.locator("#list .tag").all()} == {"incorrect"}
    seen.reload()
    assert seen.locator("#list .pager").first.inner_text() == after
    assert seen.get_by_label("Verdict").input_value() == "incorrect"


def test_the_keyboard_alone(seen: Any) -> None:
    seen.goto("/pairs")
    seen.keyboard.press("j")
    seen.keyboard.press("j")
    second = seen.locator("a[data-row]").nth(1)
    assert second.evaluate("e => e === document.activeElement")
    seen.keyboard.press("Enter")
    seen.wait_for_url("**/pair?**")
    first = seen.url
    seen.keyboard.press("n")
    seen.wait_for_url(lambda url: url != first)
    seen.keyboard.press("m")
    assert seen.locator(".text.pretty").first.is_visible()
    assert not seen.locator(".text.pieces").first.is_visible()
    seen.keyboard.press("g")
    seen.wait_for_url(re.compile(r":\d+/$"))
    seen.goto("/rationales")
    seen.keyboard.press("/")
    seen.keyboard.type("step 7")
    seen.keyboard.press("Enter")
    seen.wait_for_url(re.compile(r"q=step(%20|\+)7"))


def test_one_click_copies_a_line_for_lbt_grade(seen: Any, tmp_path: Path) -> None:
    seen.goto("/rationales?verdict=correct")
    seen.locator("a[data-row]").last.click()
    seen.get_by_role("button", name="Copy for lbt grade").click()
    seen.get_by_text("Copied.").wait_for()
    file = tmp_path / "copied.jsonl"
    file.write_text(seen.evaluate("navigator.clipboard.readText()"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "grade", str(file)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert '"verdict": "correct"' in done.stdout, done.stderr


def test_hostile_text_does_nothing_and_mathematics_is_set(seen: Any, made: Made) -> None:
    problem = made.plan.problems["train"][0].id
    seen.goto(f"/rationale?problem={problem}&sample=0")
    text = seen.locator(".math.text").first
    text.locator(".katex .mfrac").wait_for()
    assert seen.evaluate("window.hacked") is None
    assert text.locator("a, script, img").count() == 0
    assert "⟨U+202E⟩" in text.inner_text() and "⟨U+001B⟩" in text.inner_text()
    take(seen, "hostile")
    seen.keyboard.press("r")
    assert "$\\frac{dy}{dx} = 3y$" in seen.locator(".text.raw").first.inner_text()


@pytest.mark.parametrize("path", ["/", "/rationales", "/pairs", "/problems", "/answers", "/tests"])
def test_a_narrow_screen_needs_no_sideways_scrolling(seen: Any, path: str) -> None:
    seen.set_viewport_size({"width": 360, "height": 740})
    seen.goto(path)
    width = "document.documentElement.scrollWidth"
    assert seen.evaluate(width) <= 360
    if path != "/":
        seen.locator("a[data-row]").first.click()
        seen.wait_for_load_state()
        assert seen.evaluate(width) <= 360


def test_progress_renews_itself(seen: Any, made: Made) -> None:
    seen.goto("/")
    report = seen.locator(".stages li", has_text="report")
    assert "0 of 1" in report.inner_text()
    made.store.files.write("report/index.html", b"<h1>The report</h1>")
    seen.locator(".stages li", has_text="report").get_by_text("1 of 1").last.wait_for()
