"""The pages: Starlette routes over a run's index, Jinja2 templates, nothing fetched from elsewhere.

Model output is hostile text: every value is made visible (``plain.visible``) and escaped on its
way into a page, and the pages' content security policy allows only this server's own files.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from lbt_core import UserError, __version__
from lbt_core.reporting import wording
from lbt_core.reporting.plain import visible
from lbt_core.reporting.viewing import details
from lbt_core.reporting.viewing.addresses import HOME, url
from lbt_core.reporting.viewing.index import RunIndex
from lbt_core.reporting.viewing.query import (
    LISTINGS,
    PAGE_ROWS,
    Searches,
    choices,
    listed,
    listed_problems,
    where,
)

STATIC = Path(__file__).with_name("static")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
MAX_TEXT = 60_000
REPORT = "report/index.html"
_OWN_FILES = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# the report brings its style and drawings with it, and no script
_REPORT = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"

Page = Callable[[RunIndex, Searches, Mapping[str, str]], dict[str, Any]]


def create_app(index: RunIndex, hosts: tuple[str, ...] = LOOPBACK) -> Starlette:
    """The application; ``hosts`` are the names that a browser may call it by ("*" for any)."""
    searches = Searches(index)
    env = _environment(index)
    pages: dict[str, tuple[str, Page]] = {
        "/": ("overview", _overview),
        "/live": ("live", _live),
        "/problems": ("problems", _problems),
        "/problem": ("problem", _problem),
        "/rationale": ("rationale", _rationale),
        "/answer": ("answer", _answer),
        "/pair": ("pair", _pair),
        "/test": ("test", _test),
    }
    pages |= {f"/{kind}": (kind, _list_of(kind)) for kind in LISTINGS}
    routes = [Route(path, _endpoint(env, index, searches, *page)) for path, page in pages.items()]
    return Starlette(
        routes=[
            *routes,
            Route("/report", _report(index, env)),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts)),
            Middleware(GZipMiddleware),
        ],
    )


def _environment(index: RunIndex) -> Environment:
    env = Environment(
        loader=PackageLoader("lbt_core.reporting.viewing"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    env.globals |= {"url": url, "run": index.store.name, "version": __version__}
    env.filters |= {"number": wording.number, "percent": wording.percent, "cut": _cut}
    return env


def _visible(value: Any) -> Any:
    plain = isinstance(value, str) and not isinstance(value, Markup)
    return visible(value) if plain else value


def _cut(text: str, length: int = MAX_TEXT) -> str:
    left = len(text) - length
    return text if left <= 0 else f"{text[:length]}\n… {left:,} more characters"


def _endpoint(
    env: Environment, index: RunIndex, searches: Searches, name: str, page: Page
) -> Callable[[Request], Awaitable[Response]]:
    template = env.get_template(f"{name}.html.j2")
    wrong = env.get_template("wrong.html.j2")

    def answer(asked: Mapping[str, str]) -> Response:
        try:
            html = template.render(page(index, searches, asked) | {"asked": asked, "here": name})
            status = 200
        except UserError as error:
            html = wrong.render(message=str(error), asked={}, here="wrong")
            status = 404
        return HTMLResponse(html, status, _headers(_OWN_FILES))

    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(answer, dict(request.query_params))

    return endpoint


def _headers(policy: str) -> dict[str, str]:
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _report(index: RunIndex, env: Environment) -> Callable[[Request], Awaitable[Response]]:
    def answer() -> Response:
        try:
            page = index.files.read(REPORT)
        except OSError:
            message = "the report is not written yet: it is the last stage of a run"
            html = env.get_template("wrong.html.j2").render(message=message, asked={}, here="wrong")
            return HTMLResponse(html, 404, _headers(_OWN_FILES))
        # its links lead to the usual port; here they lead to where they were clicked
        return HTMLResponse(page.replace(f'"{HOME}/'.encode(), b'"/'), headers=_headers(_REPORT))

    async def endpoint(_: Request) -> Response:
        return await run_in_threadpool(answer)

    return endpoint


# --- what each page shows -------------------------------------------------------------------------


def _live(index: RunIndex, _: Searches, __: Mapping[str, str]) -> dict[str, Any]:
    contents = index.contents()
    tables = {
        "rationales": contents.rationales,
        "exam answers": contents.answers,
        "pairs": contents.pairs,
        "test answers": contents.tests,
    }
    return {
        "working": index.working(),
        "stages": index.stages(),
        "rows": {name: 0 if t is None else t.num_rows for name, t in tables.items()},
        "faults": contents.faults,
        "now": datetime.now(UTC).strftime("%H:%M:%S UTC"),
    }


def _overview(index: RunIndex, searches: Searches, asked: Mapping[str, str]) -> dict[str, Any]:
    contents = index.contents()
    return _live(index, searches, asked) | {
        "uri": index.store.files.uri,
        "config": index.config,
        "topics": details.summary_of(contents),
        "arms": details.arms_of(contents),
        "verdicts": details.counts(contents.rationales, "verdict"),
        "finishes": details.counts(contents.rationales, "finish_reason"),
        "pair_arms": details.counts(contents.pairs, "arm"),
        "problems": len(contents.problems),
    }


def _list_of(kind: str) -> Page:
    def page(index: RunIndex, searches: Searches, asked: Mapping[str, str]) -> dict[str, Any]:
        contents = index.contents()
        table = getattr(contents, kind)
        return {
            "found": listed(table, LISTINGS[kind], asked, searches),
            "listing": LISTINGS[kind],
            "choices": choices(table, LISTINGS[kind]),
            "problems": contents.problems,
            "page_rows": PAGE_ROWS,
            "kind": kind,
        }

    return page


def _problems(index: RunIndex, _: Searches, asked: Mapping[str, str]) -> dict[str, Any]:
    problems = index.contents().problems
    return {
        "found": listed_problems(problems, asked),
        "page_rows": PAGE_ROWS,
        "splits": sorted({p.split for p in problems.values()}),
        "topics": sorted({p.topic for p in problems.values() if p.topic}),
    }


def _problem(index: RunIndex, _: Searches, asked: Mapping[str, str]) -> dict[str, Any]:
    contents = index.contents()
    problem = contents.problems.get(_required(asked, "id"))
    if problem is None:
        raise UserError(f"no problem {asked['id']} is stored in this run")
    mine = {
        name: where(table, problem_id=problem.id).to_pylist()
        for name, table in (("rationales", contents.rationales), ("pairs", contents.pairs))
        if table is not None
    }
    tests = where(contents.tests, problem_id=problem.id).to_pylist()
    rationales = sorted(mine.get("rationales", []), key=lambda r: -(r["score"] or 0.0))
    return {
        "problem": problem,
        "facts": index.facts(problem),
        "rationales": rationales,
        "pairs": mine.get("pairs", []),
        "tests": tests,
        "asked_in": where(contents.answers, exam_problem_id=problem.id).num_rows,
    }


def _rationale(index: RunIndex, _: Searches, asked: Mapping[str, str]) -> dict[str, Any]:
    problem, sample = _required(asked, "problem"), _whole(asked, "sample")
    found = details.teaching(index, problem, sample)
    return {
        "found": found,
        "key": details.exam_key(index, found.row),
        "last": index.config.sampling.num_rationales - 1,
        "line": details.grade_line(found.problem, f"{problem}:{sample}", found.text),
    }


def _answer(index: RunIndex, _: Searches, asked: Mapping[str, str]) -> dict[str, Any]:
    names = ("problem", "key", "student", "asked")
    problem, key, student, exam = (_required(asked, name) for name in names)
    repetition = _whole(asked, "repetition")
    row, text, answer, posed, taught = details.exam_answer(
        index, problem, key, student, exam, repetition
    )
    name = f"{problem}:{key}:{student}:{exam}:{repetition}"
    return {
        "row": row,
        "text": text,
        "answer": answer,
        "posed": posed,
        "taught": taught,
        "line": details.grade_line(posed, name, text),
    }


def _pair(index: RunIndex, _: Searches, asked: Mapping[str, str]) -> dict[str, Any]:
    found = details.pair(
        index,
        _required(asked, "arm"),
        _required(asked, "problem"),
        _whole(asked, "chosen"),
        _whole(asked, "rejected"),
    )
    before, after = details.neighbours(index.contents(), found.row)
    return {"found": found, "before": before, "after": after}


def _test(index: RunIndex, _: Searches, asked: Mapping[str, str]) -> dict[str, Any]:
    key = _required(asked, "problem")
    problem = index.contents().problems.get(key)
    rows = details.tested(index, key)
    for row in rows:
        row["line"] = details.grade_line(problem, f"{row['arm']}:{key}", row["text"])
    return {"problem": problem, "rows": rows}


def _required(asked: Mapping[str, str], name: str) -> str:
    if not asked.get(name):
        raise UserError(f"the address lacks {name}=…")
    return asked[name]


def _whole(asked: Mapping[str, str], name: str) -> int:
    value = _required(asked, name)
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise UserError(f"{name}={value}: expected a whole number")
    return int(value)
