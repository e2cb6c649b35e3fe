"""Experiment trackers, each through its own library: trackio, MLflow, Weights & Biases.

A tracker takes configuration, figures by name, files, and its end. Nothing here tolerates failure:
``tasks.tracking`` does, for all of them.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from lbt_core import UserError
from lbt_core.run.config import TrackingConfig

MODULES = {"trackio": "trackio", "mlflow": "mlflow", "wandb": "wandb"}
PACKAGES = {"trackio": "trackio", "mlflow": "mlflow-skinny", "wandb": "wandb"}


class Tracker(Protocol):
    """One run of an experiment tracker."""

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Figures by name at a step, which never goes back within one name."""
        ...

    def file(self, path: Path, name: str) -> None:
        """A file to keep under a name."""
        ...

    def finish(self, done: bool) -> None:
        """Send what is left; ``done`` says whether the run is complete."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """``id`` is the same for a run's resumes, rounds and arms; ``name`` is what people read."""

    id: str
    name: str


def check_tracking(config: TrackingConfig) -> None:
    """Raise UserError where the tracker's library is not installed."""
    module = MODULES.get(config.kind)
    if module is not None and find_spec(module) is None:
        raise UserError(
            f"tracking.kind={config.kind} needs the package {PACKAGES[config.kind]}: "
            f"pip install 'lbt[{config.kind}]'"
        )


def build_tracker(
    config: TrackingConfig, identity: Identity, settings: Mapping[str, Any]
) -> Tracker:
    """The configured tracker, its run begun or gone on with. Raises what its library raises."""
    kinds: dict[str, Callable[..., Tracker]] = {
        "trackio": Trackio,
        "mlflow": Mlflow,
        "wandb": Wandb,
    }
    return kinds[config.kind](config, identity, settings)


class Trackio:
    """A run of trackio: a database in its own folder, or the server that ``uri`` names."""

    def __init__(
        self, config: TrackingConfig, identity: Identity, settings: Mapping[str, Any]
    ) -> None:
        import trackio  # noqa: PLC0415 - an extra

        name = f"{identity.name}-{identity.id[:8]}"  # its runs are told apart by name
        self._run: Any = trackio.init(
            project=config.project,
            name=name,
            server_url=config.uri,
            config=dict(settings),
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def log(self, figures: Mapping[str, float], step: int) -> None:
        self._run.log(dict(figures), step=step)

    def file(self, path: Path, name: str) -> None:
        self._run.log_artifact(str(path), name=name, type="file")

    def finish(self, done: bool) -> None:
        self._run.finish()


class Mlflow:
    """A run of MLflow at the tracking server or database that ``uri`` or its environment names."""

    def __init__(
        self, config: TrackingConfig, identity: Identity, settings: Mapping[str, Any]
    ) -> None:
        from mlflow import MlflowClient  # noqa: PLC0415 - an extra

        self._client: Any = MlflowClient(tracking_uri=config.uri)
        experiment = self._client.get_experiment_by_name(config.project)
        place = (
            experiment.experiment_id
            if experiment is not None
            else self._client.create_experiment(config.project)
        )
        found = self._client.search_runs([place], f"tags.lbt_id = '{identity.id}'", max_results=1)
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
            return
        tags = {"lbt_id": identity.id}
        run = self._client.create_run(place, tags=tags, run_name=identity.name)
        self._run = run.info.run_id
        self._client.log_dict(self._run, dict(settings), "settings.json")

    def log(self, figures: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric  # noqa: PLC0415 - an extra

        now = round(1000 * time.time())
        metrics = [Metric(name, value, now, step) for name, value in figures.items()]
        self._client.log_batch(self._run, metrics)

    def file(self, path: Path, name: str) -> None:
        self._client.log_artifact(self._run, str(path), name)

    def finish(self, done: bool) -> None:
        self._client.set_terminated(self._run, "FINISHED" if done else "KILLED")


class Wandb:
    """A run of Weights & Biases; WANDB_MODE=offline keeps it on this machine."""

    def __init__(
        self, config: TrackingConfig, identity: Identity, settings: Mapping[str, Any]
    ) -> None:
        import wandb  # noqa: PLC0415 - an extra

        self._run: Any = wandb.init(
            project=config.project,
            id=identity.id,
            name=identity.name,
            resume="allow",
            config=dict(settings),
            settings=wandb.Settings(base_url=config.uri) if config.uri else None,
        )
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def log(self, figures: Mapping[str, float], step: int) -> None:
        self._run.log(dict(figures) | {"step": step})

    def file(self, path: Path, name: str) -> None:
        self._run.log_artifact(str(path), name=name, type="file")

    def finish(self, done: bool) -> None:
        self._run.finish(exit_code=0 if done else 1)
