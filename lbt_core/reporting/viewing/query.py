"""Filters, search and order of the lists, as their addresses state them."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lbt_core import UserError
from lbt_core.reporting.viewing.index import RunIndex
from lbt_core.store.rows import Problem

PAGE_ROWS = 50
REMEMBERED_SEARCHES = 2000


@dataclass(frozen=True)
class Filter:
    """One field of a list's form: its name in the address, what it is called, what it tests.

    ``kind``: "choice" (equal to), "least" and "most" (a number's bounds), "prefix" (equal, or
    followed by a colon: finish reasons with details).
    """

    name: str
    label: str
    column: str
    kind: str = "choice"


_TOPIC = Filter("topic", "Topic", "topic")
_VERDICT = Filter("verdict", "Verdict", "verdict")
_FINISH = Filter("finish", "Ended", "finish_reason", "prefix")
_PROBLEM = Filter("problem", "Problem", "problem_id", "text")


@dataclass(frozen=True)
class Listing:
    """A list of rows: its filters, its orders (name: column, direction), the columns searched."""

    filters: tuple[Filter, ...]
    orders: Mapping[str, tuple[str, str]]
    searched: tuple[str, ...] = ("text",)


LISTINGS = {
    "rationales": Listing(
        (
            _TOPIC,
            _VERDICT,
            _FINISH,
            Filter("method", "Decided by", "method"),
            Filter("score_from", "Score from", "score", "least"),
            Filter("score_to", "Score to", "score", "most"),
            _PROBLEM,
        ),
        {
            "as stored": ("", ""),
            "highest score": ("score", "descending"),
            "lowest score": ("score", "ascending"),
            "longest": ("tokens", "descending"),
        },
    ),
    "answers": Listing(
        (
            _TOPIC,
            _VERDICT,
            _FINISH,
            Filter("student", "Student", "student"),
            Filter("asked", "Exam problem", "exam_problem_id", "text"),
            _PROBLEM,
        ),
        {"as stored": ("", ""), "longest": ("tokens", "descending")},
    ),
    "pairs": Listing(
        (
            Filter("arm", "Arm", "arm"),
            _TOPIC,
            Filter("chosen", "Chosen is", "chosen_verdict"),
            Filter("rejected", "Rejected is", "rejected_verdict"),
            Filter("gap_from", "Gap from", "gap", "least"),
            Filter("gap_to", "Gap to", "gap", "most"),
            _PROBLEM,
        ),
        {
            "as stored": ("", ""),
            "widest gap": ("gap", "descending"),
            "narrowest gap": ("gap", "ascending"),
        },
        ("chosen", "rejected"),
    ),
    "tests": Listing(
        (Filter("arm", "Arm", "arm"), _TOPIC, _VERDICT, _FINISH, _PROBLEM),
        {"as stored": ("", ""), "longest": ("tokens", "descending")},
    ),
}


@dataclass(frozen=True)
class Found:
    """One page of a list: how many rows match, the page's number and rows."""

    total: int
    page: int
    rows: list[dict[str, Any]]

    @property
    def pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.total // PAGE_ROWS))


class Searches:
    """What was searched for in which file, so that the next page need not read it again."""

    def __init__(self, index: RunIndex) -> None:
        self._index = index
        self._known: OrderedDict[tuple[Any, ...], pa.Array] = OrderedDict()

    def mask(self, table: pa.Table, wanted: str, columns: Sequence[str]) -> pa.Array:
        """For each row whether one of its texts holds the wanted one; file by file, the texts of
        one file in memory at a time."""
        found = []
        for path, rows in _by_path(table):
            hits: pa.Array = None
            for column in columns:
                key = (path, self._index.mark(path), wanted, column)
                if key not in self._known:
                    self._known[key] = self._index.matching(path, wanted, column)
                    while len(self._known) > REMEMBERED_SEARCHES:
                        self._known.popitem(last=False)
                one = self._known[key]
                if rows[-1].as_py() >= len(one):  # replaced or damaged since it was indexed
                    one = pa.array([False] * (rows[-1].as_py() + 1))
                one = one.take(rows)
                hits = one if hits is None else pc.or_(hits, one)
            found.append(hits)
        return pa.concat_arrays(found) if found else pa.array([], pa.bool_())


def _by_path(table: pa.Table) -> list[tuple[str, pa.Array]]:
    """(path, places) of each file's rows; the rows of one file lie together."""
    runs = pc.run_end_encode(table["path"].combine_chunks())
    places = table["place"].combine_chunks()
    out, start = [], 0
    for path, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
        out.append((path, places.slice(start, end - start)))
        start = end
    return out


def listed(
    table: pa.Table | None, listing: Listing, asked: Mapping[str, str], searches: Searches
) -> Found:
    """The page of a list that an address asks for. Raises UserError for a value that is no number
    or no known order."""
    page = max(1, int(_number("page", asked.get("page") or "1")))
    if table is None:
        return Found(0, page, [])
    table = narrowed(table, listing, asked)
    wanted = asked.get("q", "").strip()
    if wanted:
        table = table.filter(searches.mask(table, wanted, listing.searched))
    order = asked.get("order") or "as stored"
    if order not in listing.orders:
        raise UserError(f"order={order}: there are {', '.join(listing.orders)}")
    column, direction = listing.orders[order]
    start = (page - 1) * PAGE_ROWS
    if column:
        # the place last, so that equal rows keep their order from page to page
        keys = [(column, direction), ("path", "ascending"), ("place", "ascending")]
        rows = table.take(pc.sort_indices(table, keys)[start : start + PAGE_ROWS])
    else:
        rows = table.slice(start, PAGE_ROWS)
    return Found(table.num_rows, page, rows.to_pylist())


def narrowed(table: pa.Table, listing: Listing, asked: Mapping[str, str]) -> pa.Table:
    """The rows that pass the filters of an address, search apart."""
    tests: dict[str, Callable[[Any, str, str], Any]] = {
        "choice": lambda column, value, _: pc.equal(column, value),
        "text": lambda column, value, _: pc.equal(column, value),
        "prefix": lambda column, value, _: pc.or_(
            pc.equal(column, value), pc.starts_with(column, f"{value}:")
        ),
        "least": lambda column, value, name: pc.greater_equal(column, _number(name, value) - 1e-9),
        "most": lambda column, value, name: pc.less_equal(column, _number(name, value) + 1e-9),
    }
    for one in listing.filters:
        value = asked.get(one.name, "")
        if value:
            table = table.filter(tests[one.kind](table[one.column], value, one.name))
    return table


def choices(table: pa.Table | None, listing: Listing) -> dict[str, list[str]]:
    """The values that each choosing filter of a list offers."""
    if table is None:
        return {}
    out = {}
    for one in listing.filters:
        if one.kind in ("choice", "prefix"):
            values = [v for v in pc.unique(table[one.column]).to_pylist() if v]
            cut = {v.split(":", 1)[0] for v in values} if one.kind == "prefix" else set(values)
            out[one.name] = sorted(cut)
    return out


def where(table: pa.Table | None, **values: Any) -> pa.Table:
    """The rows whose columns have these values; an empty table where there is none."""
    if table is None:
        return pa.table({})
    for column, value in values.items():
        table = table.filter(pc.equal(table[column], value))
    return table


def listed_problems(problems: Mapping[str, Problem], asked: Mapping[str, str]) -> Found:
    """The page of the problems' list that an address asks for."""
    page = max(1, int(_number("page", asked.get("page") or "1")))
    wanted = asked.get("q", "").strip().lower()
    found = [
        p
        for p in problems.values()
        if asked.get("split") in ("", None, p.split)
        and asked.get("topic") in ("", None, p.topic)
        and (not wanted or wanted in f"{p.id}\n{p.question}\n{p.answer}".lower())
    ]
    start = (page - 1) * PAGE_ROWS
    return Found(len(found), page, [{"problem": p} for p in found[start : start + PAGE_ROWS]])


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
        if number != number or abs(number) > 1e9:
            raise ValueError
        return number
    except ValueError:
        raise UserError(f"{name}={value}: expected a number") from None
