"""How fast ``lbt verify`` reads a store: shards of rationales of the card's length, re-read whole.

``python -m benchmarks.verify --gb 1``; the last line is JSON: bytes, wall and CPU seconds a GB, and
what is said of a shard with one flipped bit.
"""

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

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
    told = {
        "bytes": size,
        "files": len(shards),
        "wall_s_per_gb": round(wall / size * 1e9, 2),
        "cpu_s_per_gb": round(cpu / size * 1e9, 2),
        "faults_in_whole_files": len(faults),
        "flipped": said,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
