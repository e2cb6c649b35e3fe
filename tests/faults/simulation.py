"""A run by two owners on a simulated object store under one seed: what fails, when the clocks jump,
who is killed and who goes on next all come from it, so that a seed gives the same history again.

Real are the store, the lock, the planner and the loop (``small_run``); simulated are the object
store's calls (``simulated_store``), time, host names, process ids (``simulated_hosts``) and the
scheduling of threads (``simulated_world``).

``python tests/faults/simulation.py SEED`` prints a history.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from simulated_hosts import at_append, simulated
from simulated_world import Odds, World, begin, here
from small_run import SmallRun, stored_rows

from lbt_core.store import Files, RunLocked, faultpoints, run_lock
from lbt_core.store.shards import WrongRows

URI = "sim://store/run"
PATIENCE = 12  # attempts of one owner


def _attempt(last: bool) -> bool:
    """One attempt in the task's process; whether the run is complete."""
    try:
        files = Files(URI)
        with run_lock(files, "simulated"):
            run = SmallRun(files)
            try:
                run.work()
            finally:
                here().made += run.made
        return True
    except RunLocked:
        here().say("refused, it is in use")
    except (OSError, RuntimeError) as error:
        if last:
            raise
        here().say(f"fails: {type(error).__name__}")
    except WrongRows:
        raise
    return False


def _owner(host: str) -> None:
    """A host that starts the run again whenever it fails, until it is complete."""
    done = [False]

    def attempt() -> None:
        done[0] = _attempt(last=False)

    for _ in range(PATIENCE):
        process = here().process(host)
        task = here().start(process, attempt)
        while not task.done:
            here().wait(30.0)
        if done[0]:
            return
        here().wait(here().random.uniform(1, 90))


def play(seed: int, scratch: Path) -> World:
    """The history of one seed, ended by an attempt that nothing disturbs."""
    world = begin(World(seed, scratch / str(seed)))
    for host in ("a", "b"):
        world.start(world.process(host), lambda host=host: _owner(host))  # type: ignore[misc]
    world.run()
    world.odds = Odds(0, 0, 0, 0, 0, 0, 0, 0)
    world.clock += 1e5  # a dead owner's clock may have been far ahead of this one
    world.start(world.process("c"), lambda: world.broken.extend(_ending()))
    world.run()
    return world


def _ending() -> list[str]:
    """What is wrong with the run once it has been gone on with, undisturbed."""
    if not _attempt(last=True):
        return ["an undisturbed attempt did not complete the run"]
    # the attempt has read every shard whole, and planned each from the rows before it
    if stored_rows(Files(URI)) != wanted_rows():
        return ["other rows than an undisturbed run's"]
    return []


_WANTED: dict[str, Any] = {}


def wanted_rows() -> dict[str, Any]:
    """The rows of an undisturbed run."""
    if not _WANTED:
        files = Files("memory://simulation/wanted")
        faultpoints.on_reach(None)
        SmallRun(files).work()
        faultpoints.on_reach(at_append)
        _WANTED.update(stored_rows(files))
    return _WANTED


def play_all(seeds: range, scratch: Path) -> dict[str, Any]:
    """Histories of many seeds: how many, what was broken by seed, kills, rows made and planned."""
    broken: dict[int, list[str]] = {}
    kills = made = planned = late = 0
    with simulated():
        for seed in seeds:
            world = play(seed, scratch)
            kills += sum("KILLED" in line for line in world.history)
            made += world.made
            late += world.late
            planned += sum(len(rows) for path, rows in wanted_rows().items() if "part-" in path)
            if world.broken:
                broken[seed] = world.broken
    return {
        "seeds": len(seeds),
        "kills": kills,
        "made": made,
        "planned": planned,
        "late": late,
        "broken": broken,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir="/dev/shm") as place, simulated():
        told = play(int(sys.argv[1]), Path(place))
        print("\n".join(told.history))
        print("broken:", told.broken or "nothing")
