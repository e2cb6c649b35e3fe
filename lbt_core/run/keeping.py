"""Generation whose finished completions outlive the attempt that asked for them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from lbt_core.generation import Completion, Request
from lbt_core.run.plan import chunks
from lbt_core.store.sidecar import Sidecar

BLOCK = 256
"""Requests that a reproducible engine on a CPU answers together; its rows depend on it."""

Stream: TypeAlias = Callable[[Sequence[Request]], Iterator[tuple[str, list[Completion]]]]


@dataclass
class Usage:
    """What a shard's generation used: engine, tokens, and completions that its sidecar held."""

    engine: str = ""
    prompt_tokens: int = 0
    tokens: int = 0
    kept: int = 0
    mean_logprob: float | None = None
    """Of the tokens of answers that came with log-probabilities (an endpoint's, asked for them)."""

    def summary(self) -> dict[str, Any]:
        """For the shard's footer."""
        return {k: v for k, v in asdict(self).items() if v is not None}


def generate_keeping(
    requests: Sequence[Request], sidecar: Sidecar, stream: Stream, in_blocks: bool, usage: Usage
) -> list[Completion]:
    """Completions in the order of the requests: those of the sidecar, and the others from
    ``stream``, which gives an engine's name and completions as they finish; each is in the sidecar
    before the next is waited for.

    ``in_blocks`` is for engines whose answers depend on what else is in a call: they get whole
    blocks that the requests alone decide, and of a block that is not whole nothing is kept.
    """
    done = {key: Completion(**record) for key, record in sidecar.load().items()}
    usage.kept = sum(request.id in done for request in requests)
    for block in chunks(requests, BLOCK if in_blocks else max(1, len(requests))):
        owed = [request for request in block if request.id not in done]
        if not owed:
            continue
        arrived: list[Completion] = []
        for usage.engine, part in stream(block if in_blocks else owed):
            arrived += part
            if not in_blocks:
                sidecar.append([asdict(completion) for completion in part])
        if in_blocks:
            sidecar.append([asdict(completion) for completion in arrived])
        done |= {completion.id: completion for completion in arrived}
    completions = [done[request.id] for request in requests]
    usage.prompt_tokens = sum(c.prompt_tokens for c in completions)
    usage.tokens = sum(c.tokens for c in completions)
    known = [(c.logprob, c.tokens) for c in completions if c.logprob is not None and c.tokens]
    if known:
        usage.mean_logprob = sum(p for p, _ in known) / sum(n for _, n in known)
    return completions
