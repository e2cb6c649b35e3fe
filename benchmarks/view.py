"""How long the pages of ``lbt view`` take, and its memory, on a run of the rehearsal's size.

``python benchmarks/view.py [FOLDER] [--long]``: makes the run in FOLDER with the real planner
and row types (1,200 problems, 38,400 rationales; texts from a seed, with ``--long`` forty times as
long), starts the command, and reads each page twice. Prints one JSON object.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from html import unescape
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import made_run

PAGES = (
    "/",
    "/rationales",
    "/rationales?q=step+3&order=highest+score",
    "/rationales?verdict=incorrect&score_from=0.3",
    "/answers",
    "/answers?q=333",
    "/pairs?order=widest+gap",
    "/tests",
    "/problems?q=exp",
    "/live",
)


def read(address: str) -> tuple[str, float]:
    """A page and the seconds it took."""
    started = time.perf_counter()
    with urllib.request.urlopen(address) as answer:
        text = answer.read().decode()
    return text, round(time.perf_counter() - started, 3)


def main() -> None:
    """Measure and print."""
    names = [a for a in sys.argv[1:] if not a.startswith("--")]
    folder = Path(names[0] if names else tempfile.mkdtemp())
    run = folder / ("view-long" if "--long" in sys.argv else "view")
    if not (run / "preferences.parquet").exists():
        made_run.WORDS = 40 if "--long" in sys.argv else 1
        made_run.make_run(str(run), made_run.config_of("rehearsal"), distinct=5)
    command = [sys.executable, "-m", "flows.cli", "view", str(run), "--port", "0"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    listening = round(time.perf_counter() - started, 2)
    out: dict[str, object] = {"listening after, s": listening}
    out["first page, s"] = read(address)[1]
    for page in PAGES:
        out[page] = [read(address + page)[1] for _ in range(2)]
    pairs, _ = read(address + "/pairs?order=widest+gap")
    pair, out["a pair"] = read(address + unescape(re.findall(r'"(/pair\?[^"]+)"', pairs)[0]))
    _, out["an answer"] = read(address + unescape(re.findall(r'"(/answer\?[^"]+)"', pair)[0]))
    live, _ = read(address + "/live")
    out["rows"] = re.findall(r"<strong>([\d,]+)</strong> ([a-z ]+)", live)
    server = psutil.Process(process.pid)
    out["memory, MiB"] = round(server.memory_info().rss / 2**20)
    times = server.cpu_times()
    out["CPU, s"] = round(times.user + times.system, 2)
    out["load"] = psutil.getloadavg()[0]
    process.terminate()
    process.wait()
    print(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
