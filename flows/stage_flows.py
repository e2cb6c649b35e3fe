"""Each stage alone, on a run that exists: it does what is owed of that stage, with the run's own
configuration. What an earlier stage owes is named, not done."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.parameters import RunName, StorePath
from flows.pipeline import RUNNER, work_on
from lbt_core import UserError
from lbt_core.run.stages import Stage


def _work(stage: Stage, store: str, run: str) -> State[Any]:
    try:
        return work_on(f"{store.rstrip('/')}/{run}", None, (stage,))
    except UserError as error:
        return Failed(message=str(error))


@flow(name="lbt-prepare", flow_run_name="{run}-prepare", task_runner=RUNNER, persist_result=False)
def prepare(run: RunName, store: StorePath = "runs") -> State[Any]:
    """Store a run's problems and the design of its exams.

    Args:
        run: Name of an existing run in the store.
        store: Folder or URI that holds the runs.
    """
    return _work("prepare", store, run)


@flow(name="lbt-sample", flow_run_name="{run}-sample", task_runner=RUNNER, persist_result=False)
def sample(run: RunName, store: StorePath = "runs") -> State[Any]:
    """Have the teacher write the rationales that are owed.

    Args:
        run: Name of an existing run in the store.
        store: Folder or URI that holds the runs.
    """
    return _work("sample", store, run)


@flow(name="lbt-examine", flow_run_name="{run}-examine", task_runner=RUNNER, persist_result=False)
def examine(run: RunName, store: StorePath = "runs") -> State[Any]:
    """Have the students take the exams that are owed.

    Args:
        run: Name of an existing run in the store.
        store: Folder or URI that holds the runs.
    """
    return _work("examine", store, run)


@flow(name="lbt-prefer", flow_run_name="{run}-prefer", task_runner=RUNNER, persist_result=False)
def prefer(run: RunName, store: StorePath = "runs") -> State[Any]:
    """Compute the scores and the preference pairs.

    Args:
        run: Name of an existing run in the store.
        store: Folder or URI that holds the runs.
    """
    return _work("prefer", store, run)


@flow(name="lbt-train", flow_run_name="{run}-train", task_runner=RUNNER, persist_result=False)
def train(run: RunName, store: StorePath = "runs") -> State[Any]:
    """Train the arms that are not trained yet, and merge their adapters.

    Args:
        run: Name of an existing run in the store.
        store: Folder or URI that holds the runs.
    """
    return _work("train", store, run)


@flow(name="lbt-evaluate", flow_run_name="{run}-evaluate", task_runner=RUNNER, persist_result=False)
def evaluate(run: RunName, store: StorePath = "runs") -> State[Any]:
    """Answer the held-out problems with the base model and every tuned one.

    Args:
        run: Name of an existing run in the store.
        store: Folder or URI that holds the runs.
    """
    return _work("evaluate", store, run)


@flow(name="lbt-report", flow_run_name="{run}-report", task_runner=RUNNER, persist_result=False)
def report(run: RunName, store: StorePath = "runs") -> State[Any]:
    """Write the report and the model cards, and publish the result.

    Args:
        run: Name of an existing run in the store.
        store: Folder or URI that holds the runs.
    """
    return _work("report", store, run)
