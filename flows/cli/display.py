"""Progress bars of a run in the terminal."""

import contextlib
from collections.abc import Iterator, Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from lbt_core.generation import EngineStats
from lbt_core.run.health import describe
from tasks.progress import Progress, describe_left, describe_spent
from tasks.publishing import terminal_listeners


@contextlib.contextmanager
def display(console: Console, bars: bool) -> Iterator[None]:
    """A bar per stage with tokens per second and time left, on a terminal; nothing elsewhere."""
    if not bars:
        yield
        return
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[info]}"),
        TimeElapsedColumn(),
    )
    with Bars(*columns, console=console) as view:
        tasks: dict[str, TaskID] = {}
        said = [0]

        def show(progress: Progress, _: Mapping[str, EngineStats], rate: float) -> None:
            left = describe_left(progress)
            for sentence in progress.warned[said[0] :]:
                view.console.print("Warning:", sentence, style="yellow", markup=False)
                said[0] += 1
            for stage in progress.stages():
                if not stage.planned:
                    continue
                if stage.stage not in tasks:
                    tasks[stage.stage] = view.add_task(stage.stage, total=stage.planned, info="")
                busy = 0 < stage.done < stage.planned
                parts = [f"{stage.rows_per_second:,.1f} rows/s"] if busy and stage.made else []
                parts += [f"{rate:,.0f} tokens/s"] if busy else []
                parts += [said for said in (left, describe_spent(progress)) if busy and said]
                tally = progress.tallies().get(stage.stage)
                if tally and (shares := describe(tally)):
                    parts.append(shares)
                info = " · ".join(parts)
                view.update(
                    tasks[stage.stage], completed=stage.done, total=stage.planned, info=info
                )

        terminal_listeners.append(show)
        try:
            yield
        finally:
            terminal_listeners.remove(show)
