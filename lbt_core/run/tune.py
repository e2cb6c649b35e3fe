"""The fastest of a few engine settings for a run's own prompts on this machine: one setting after
the other is varied, and a change is kept where it is clearly faster."""

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from lbt_core import UserError
from lbt_core.generation import Completion, Request
from lbt_core.run.config import RunConfig, load_config
from lbt_core.run.engine_rule import longest_tokens, settle
from lbt_core.run.engine_spec import engine_spec, machine_device

Settings = Mapping[str, int]
"""engines.* fields and values."""

# what is less than this faster may be noise
CLEARLY = 0.03
PROBLEMS = 24
START_LIMIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A candidate's speed in output tokens a second; 0 where its engine could not be started, and
    why."""

    settings: Settings
    tokens_per_s: float
    reason: str = ""


def starting_point(config: RunConfig, device: str) -> dict[str, int]:
    """What the settings are without tuning; tokens per step are left to vLLM."""
    settled = settle(config.engines, config.teacher, device, False, longest_tokens(config))
    found = {"max_num_seqs": settled.max_num_seqs}
    if settled.block_size is not None:
        found["block_size"] = settled.block_size
    if config.engines.max_num_batched_tokens is not None:
        found["max_num_batched_tokens"] = config.engines.max_num_batched_tokens
    return found


def axes(start: Settings, device: str) -> list[tuple[str, tuple[int, ...]]]:
    """The settings that are varied and their values, the one that is likeliest to matter first."""
    running = start["max_num_seqs"]
    blocks = (32, 64, 128) if device != "gpu" else (16, 32, 64)
    return [
        ("max_num_seqs", (2 * running, running // 2)),
        ("max_num_batched_tokens", (4096, 8192)),
        ("block_size", blocks),
    ]


def sweep(
    start: Settings,
    varied: Sequence[tuple[str, Sequence[int]]],
    measure: Callable[[Settings], Measured],
    time_left: Callable[[], float],
) -> Iterator[Measured]:
    """Measure the start, then each value of each setting with the best of those before it; ends
    early where another measurement, as long as the longest so far, would not fit into the time."""
    longest = 0.0

    def timed(settings: Settings) -> Measured:
        nonlocal longest
        before = time_left()
        found = measure(settings)
        longest = max(longest, before - time_left())
        return found

    best = timed(start)
    yield best
    for name, values in varied:
        kept = best
        for value in values:
            settings = {**kept.settings, name: value}
            if value == kept.settings.get(name) or value < 1:
                continue
            if time_left() < longest:
                return
            found = timed(settings)
            yield found
            if found.tokens_per_s > best.tokens_per_s * (1 + CLEARLY):
                best = found


def best_of(measured: Sequence[Measured]) -> Measured:
    """The one that a sweep would go on from."""
    best = measured[0]
    for one in measured[1:]:
        if one.tokens_per_s > best.tokens_per_s * (1 + CLEARLY):
            best = one
    return best


def tunable(profile: str, overrides: Sequence[str]) -> tuple[RunConfig, str]:
    """The configuration in the fast mode, and the device. Raises UserError where there is no engine
    to tune."""
    config = load_config(profile, (*overrides, "reproducible=false"))
    if config.engines.kind != "vllm" or config.endpoint_of(config.teacher) is not None:
        raise UserError("lbt tune: only vLLM engines that are loaded here have settings to tune")
    return config, machine_device(config.engines)


# --- measuring, each candidate in a process of its own --------------------------------------------


class Measuring:
    """Measures candidates on the prompts of some of the profile's problems: their rationales and,
    in the run's proportion, their exams."""

    def __init__(self, profile: str, overrides: Sequence[str]) -> None:
        self._profile = profile
        self._overrides = tuple(overrides)
        self._recorded: list[Request] = []

    def __call__(self, settings: Settings) -> Measured:
        """One candidate. The first one makes the rationales whose exams all others are asked."""
        here, there = multiprocessing.Pipe()
        arguments = (there, self._profile, self._overrides, dict(settings), self._recorded)
        process = multiprocessing.get_context("spawn").Process(target=_work, args=arguments)
        process.start()
        there.close()
        try:
            if not here.poll(START_LIMIT_S):
                return Measured(settings, 0.0, f"not done within {START_LIMIT_S:.0f} s")
            tokens, seconds, recorded, reason = here.recv()
        except EOFError:
            return Measured(settings, 0.0, "its process ended")
        finally:
            process.kill()
            process.join()
        if recorded:
            self._recorded = recorded
        return Measured(settings, tokens / seconds if seconds else 0.0, reason)


def _work(
    pipe: Connection,
    profile: str,
    overrides: tuple[str, ...],
    settings: dict[str, int],
    recorded: list[Request],
) -> None:
    """In a process of its own: (tokens, seconds, requests where they were made here, failure)."""
    try:
        changes = [f"engines.{name}={value}" for name, value in settings.items()]
        config, device = tunable(profile, (*overrides, *changes))
        engine = _engine(config, device)
        made: list[Request] = []
        if not recorded:
            made = recorded = _requests(profile, overrides, engine)
        began = time.monotonic()
        tokens = sum(completion.tokens for completion in engine.generate(recorded))
        pipe.send((tokens, time.monotonic() - began, made, ""))
    except Exception as error:  # a candidate that does not work is a result
        pipe.send((0, 0.0, [], " ".join(str(error).split())[:200] or type(error).__name__))


def _engine(config: RunConfig, device: str) -> Any:
    """The engine of a configuration, on one core of a CPU, after its first request."""
    from lbt_core.generation.vllm_engine import (  # noqa: PLC0415 - heavy
        VllmEngine,
        prepare_environment,
    )

    longest = longest_tokens(config)
    spec = engine_spec(config.teacher, config.engines, device, config.seed, False, longest)
    prepare_environment(spec, min(os.sched_getaffinity(0)) if device == "cpu" else None)
    return VllmEngine(spec)


def _requests(profile: str, overrides: tuple[str, ...], engine: Any) -> list[Request]:
    """The requests for rationales of some problems and for their exams, in the run's order."""
    from lbt_core.run.session import Session  # noqa: PLC0415 - it imports the whole method

    class Recording:
        """Answers with the engine and keeps what it was asked."""

        def __init__(self) -> None:
            self.asked: list[Request] = []

        def generate(self, requests: Sequence[Request]) -> list[Completion]:
            self.asked += [
                Request(f"{len(self.asked)}/{i}", r.prompt, r.seed, r.settings)
                for i, r in enumerate(requests)
            ]
            completions: list[Completion] = engine.generate(requests)
            return completions

        def close(self) -> None:
            """The engine is needed on."""

    recording = Recording()
    with Session(profile, (*overrides, "reproducible=false"), recording) as lbt:  # type: ignore[arg-type]
        lbt.examine(lbt.sample(lbt.problems["train"][:PROBLEMS]))
    return recording.asked
