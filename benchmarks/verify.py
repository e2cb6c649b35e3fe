"""How fast ``lbt verify`` reads a store: shards of rationales of the card's length, re-read whole,
and the command itself on a run, which it also plans anew from its rows.

``python -m benchmarks.verify --gb 1``; the last line is JSON: bytes, wall and CPU seconds a GB, the
command's seconds by the clock, start included, and what is said of a shard with one flipped bit.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the tests' building blocks

import made_run

from lbt_core.store import Files, Shard, verify_shard
from lbt_core.store.rows import Rationale
from lbt_core.store.shards import write_shard

ROWS = 32 * 220  # about 10 MB: the texts are random hexadecimal digits, which halve


def written(files: Files, index: int) -> Shard[Rationale]:
    """A committed shard of its own rows."""
    rows = [
        Rationale(
            problem_id=f"problem-{index}-{i // 32}",
            sample=i % 32,
            text=os.urandom(1400).hex(),
            text_key="0" * 16,
            finish_reason="stop",
            prompt_tokens=50,
            tokens=700,
            verdict="correct",
            method="exact",
            answer="1",
            correct=True,
        )
        for i in range(ROWS)
    ]
    keys = tuple((row.problem_id, row.sample) for row in rows)
    path = f"rationales/part-{index:05d}.parquet"
    shard = Shard("sample", index, path, Rationale, ("problem_id", "sample"), "0" * 16, keys)
    write_shard(files, shard, rows, {})
    return shard


def command(folder: Path) -> tuple[int, float, float]:
    """Bytes of a run of 6,400 rationales of the card's length and 12,800 short exam answers, and
    the seconds of ``lbt verify`` on it by the clock and of processor time, start included."""
    made_run._text = lambda problem, draw, right: (os.urandom(1400).hex(), problem.answer)
    sizes = ("corpus.generated.train=200", "corpus.generated.exam=60", "shards.problems=12")
    sizes += ("sampling.num_rationales=32", "exam.repetitions=1")
    made_run.make_run(str(folder / "r"), made_run.config_of("demo", *sizes), distinct=32)
    stored = sum(p.stat().st_size for p in folder.rglob("*.parquet"))
    asked = [sys.executable, "-m", "flows.cli", "verify", str(folder / "r")]
    began = time.monotonic()
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return stored, time.monotonic() - began, used.ru_utime + used.ru_stime


def main() -> None:
    """Write, read, spoil one bit, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gb", type=float, default=1.0)
    wanted = parser.parse_args().gb * 1e9
    with tempfile.TemporaryDirectory() as folder:
        files, shards, size = Files(folder), [], 0
        while size < wanted:
            shards.append(written(files, len(shards)))
            size += (Path(folder) / shards[-1].path).stat().st_size
        wall, cpu = time.monotonic(), time.process_time()
        faults = [fault for shard in shards if (fault := verify_shard(files, shard))]
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        path = Path(folder) / shards[-1].path
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        said = verify_shard(files, shards[-1])
    with tempfile.TemporaryDirectory() as folder:
        stored, seconds, processor = command(Path(folder))
    told = {
        "bytes": size,
        "files": len(shards),
        "wall_s_per_gb": round(wall / size * 1e9, 2),
        "cpu_s_per_gb": round(cpu / size * 1e9, 2),
        "faults_in_whole_files": len(faults),
        "flipped": said,
        "run_bytes": stored,
        "command_s": round(seconds, 2),
        "command_cpu_s": round(processor, 2),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
