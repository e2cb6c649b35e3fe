"""A run's tables as data sets: Parquet files that ``datasets.load_dataset`` reads, one folder each.

Rows go through one file at a time: a full run does not fit in memory.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lbt_core.run.plan import SPLITS, Plan, arm_folder
from lbt_core.store.rows import ExamAnswer, ExamLikelihood, Preference, Rationale, Score, schema_of
from lbt_core.store.shards import read_table

GROUP_ROWS = 4096
DEFAULT = "preferences"
TRL_COLUMNS = ("prompt", "chosen", "rejected")


@dataclass(frozen=True)
class Table:
    """One written table: its configuration and split, its path below the folder, its rows."""

    config: str
    split: str
    path: str
    rows: int
    columns: tuple[str, ...]


def write_tables(plan: Plan, folder: Path) -> list[Table]:
    """Every table of a finished run. Raises OSError where one is not stored or not whole."""
    written = []
    for split in SPLITS:
        table = _read(plan, f"problems/{split}.parquet")
        if table.num_rows:
            written.append(_write(folder, "problems", split, table.schema, iter([table])))
    sampled = [shard.path for shard in plan.sample_shards]
    weighed = plan.config.exam.scorer == "likelihood"
    exams = [path for i in range(len(sampled)) for path in plan.exam_paths(i)]
    for name, kind, paths in (
        ("rationales", Rationale, sampled),
        ("exams", ExamLikelihood if weighed else ExamAnswer, exams),
        ("scores", Score, ["scores.parquet"]),
    ):
        tables = (_read(plan, path) for path in paths)
        written.append(_write(folder, name, "train", schema_of(kind), tables))
    written += _preferences(plan, folder)
    return [*written, *_evaluations(plan, folder)]


def _preferences(plan: Plan, folder: Path) -> Iterator[Table]:
    """Pairs in trl's format, prompt, chosen and rejected first; each arm a configuration."""
    table = _read(plan, "preferences.parquet")
    names = schema_of(Preference).names
    table = table.select([*TRL_COLUMNS, *(n for n in names if n not in TRL_COLUMNS)])
    for arm in plan.config.arms:
        mine = table.filter(pc.equal(table["arm"], arm))
        if mine.num_rows:
            name = DEFAULT if arm == "combined" else f"{DEFAULT}-{arm}"
            yield _write(folder, name, "train", mine.schema, iter([mine]))


def _evaluations(plan: Plan, folder: Path) -> Iterator[Table]:
    """Greedy answers to the test problems, with a column that names the arm."""

    def tables() -> Iterator[pa.Table]:
        for arm in ("base", *map(arm_folder, plan.config.arms)):
            for name in plan.files.names(f"evaluation/{arm}"):
                table = _read(plan, f"evaluation/{arm}/{name}")
                yield table.append_column("arm", pa.array([arm] * table.num_rows, pa.string()))

    schema = schema_of(Rationale).append(pa.field("arm", pa.string()))
    yield _write(folder, "evaluation", "test", schema, tables())


def _read(plan: Plan, path: str) -> pa.Table:
    return read_table(plan.files, path).replace_schema_metadata(None)


def _write(
    folder: Path, config: str, split: str, schema: pa.Schema, tables: Iterator[pa.Table]
) -> Table:
    path = f"data/{config}/{split}.parquet"
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    schema = schema.remove_metadata()
    rows = 0
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for table in tables:
            writer.write_table(table, row_group_size=GROUP_ROWS)
            rows += table.num_rows
    return Table(config, split, path, rows, tuple(schema.names))
