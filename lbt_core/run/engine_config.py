"""The section of a configuration that says what engines are (docs/engines.md)."""

import json
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from lbt_core import UserError
from lbt_core.generation.engine_arguments import check_extra
from lbt_core.method.section import Section


class EndpointConfig(Section):
    """OpenAI-compatible servers that answer for a model (docs/engines.md)."""

    urls: tuple[str, ...] = Field((), title="Addresses")
    """Where the API starts, as http://host:8000/v1; several addresses serve the same model."""
    model: str | None = Field(None, title="Served model")
    """Name of the model there, where more than one is served."""
    api: Literal["auto", "completions", "chat"] = Field("auto", title="Interface")
    """"completions" gets prompts as the bytes that they are everywhere; "chat" sends messages, and
    the server renders them; "auto" takes completions where they are offered."""
    key: str = Field(
        "LBT_ENDPOINT_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", title="Key's variable"
    )
    """Name of the environment variable that holds the key; the key itself is written nowhere."""
    seed: bool = Field(True, title="Send seeds")
    """Send each request's seed; not to vLLM on a CPU, which a seeded request ends."""
    logprobs: bool = Field(False, title="Log-probabilities")
    """Ask for the log-probabilities of answers; their mean is kept with each shard."""
    concurrency: int = Field(64, ge=1, le=4096, title="Requests at once")
    """The most requests that one address is given at once; how many it gets follows its answers."""
    timeout_s: float = Field(600.0, gt=0, title="Time limit of a request, s")
    """After this an answer counts as lost, and the request is made again."""
    patience_s: float = Field(600.0, gt=0, title="Patience, s")
    """Where no address has answered anything for so long, the shard fails and is tried again."""

    @field_validator("urls", mode="before")
    @classmethod
    def _one_address(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("urls")
    @classmethod
    def _are_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for url in value:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise ValueError(f"{url}: expected an address such as http://host:8000/v1")
            if parts.username or parts.password or parts.query or parts.fragment:
                raise ValueError(
                    f"an address of {parts.hostname} holds more than host, port and path: keys "
                    "come from the environment (endpoint.key)"
                )
        if len(set(value)) != len(value):
            raise ValueError("an address is named twice")
        return tuple(url.rstrip("/") for url in value)


class RepetitionConfig(Section):
    """Ending answers that go round in circles (vLLM only); changes rows."""

    longest: int = Field(0, ge=0, le=512, title="Longest repeated piece, tokens")
    """Pieces of up to so many tokens count; 0 switches it off."""
    times: int = Field(8, ge=2, title="Repetitions")
    """An answer ends, as "repetition", once a piece stands so often in a row."""


class EngineConfig(Section):
    """The inference engines: how many, where, how large."""

    kind: Literal["vllm", "transformers", "endpoint"] = Field("vllm", title="Engine")
    """"vllm"; "transformers", the slow portable reference; or "endpoint": teacher and students are
    asked at engines.endpoint, tuned models are loaded in vLLM."""
    endpoint: EndpointConfig = EndpointConfig()
    device: Literal["auto", "cpu", "gpu"] = Field("auto", title="Device")
    """"auto" takes GPUs where the cluster has any."""
    count: int | None = Field(None, ge=1, title="Engines")
    """Engines; by default one per GPU (or tensor-parallel group), on a CPU one per core but one."""
    core: Literal["auto", "process", "inline"] = Field("auto", title="Engine core")
    """Where vLLM's engine core runs: in a "process" of its own, or "inline" in the engine's; "auto"
    gives it a process on GPUs. A killed core costs its engine's shards one more attempt."""
    tensor_parallel: int = Field(1, ge=1, title="GPUs per engine")
    """GPUs that share one engine's weights."""
    max_num_seqs: int | None = Field(None, ge=1, title="Running requests per engine")
    """Sequences an engine runs at once; where none is given 512 on a CPU (256 where reproducible),
    256 on a GPU."""
    max_num_batched_tokens: int | None = Field(None, ge=32, title="Tokens per step")
    """The most tokens that one step of an engine reads and writes; vLLM's own choice where none is
    given."""
    block_size: int | None = Field(None, ge=1, title="Block of the prefix cache, tokens")
    """Prompts share their beginnings in blocks of so many tokens; where none is given 32 on a CPU
    (vLLM's 128 where reproducible), vLLM's own choice on a GPU."""
    window: int | None = Field(None, ge=1, title="Request window per engine")
    """Requests an engine holds at once, running or waiting, twice the running ones where none is
    given; more wait outside it."""
    shards_in_flight: int | None = Field(None, ge=1, title="Shards in flight per engine")
    """Shards fed to one engine at once, so that it does not drain at a shard's end; where none is
    given so many that half of their requests fill it, at least 3."""
    kv_cache_gib: int | None = Field(None, ge=1, title="KV cache on a CPU, GiB")
    """Memory for the KV cache of one CPU engine; where none is given what the running requests can
    fill, within the machine's memory (docs/engines.md)."""
    repetition: RepetitionConfig = RepetitionConfig()
    extra: dict[str, Any] = Field({}, title="Further arguments of vLLM")
    """Any other engine argument of vLLM by its name (docs/engines.md says which change rows)."""
    gpu_memory_utilization: float = Field(0.9, gt=0, le=1, title="GPU memory share")
    """Share of a GPU's memory that its engine may take."""
    enforce_eager: bool = Field(False, title="No compilation")
    """Skip torch.compile and CUDA graphs: starts faster, runs slower."""
    load_format: Literal["auto", "safetensors", "dummy"] = Field("safetensors", title="Weights")
    """"dummy" makes random weights, for speed measurements only."""
    warm_seconds: int = Field(600, ge=0, title="Stay warm, s")
    """On a shared Ray cluster an idle engine stays loaded so long for the next run."""

    @field_validator("extra")
    @classmethod
    def _let_through(cls, value: dict[str, Any]) -> dict[str, Any]:
        try:
            check_extra(value)
            json.dumps(value)
        except (UserError, TypeError) as error:
            raise ValueError(str(error)) from None
        return value
