"""Does it fit? GPU memory of an engine and of a training, from the shape of the model.

An engine: weights, KV cache, and what vLLM keeps for activations and CUDA graphs. A training: base
weights (4-bit or not), adapter with gradients and Adam's two moments in float32, activations of one
forward pass (with gradient checkpointing the inputs of every layer and one layer's own), and the
logits. Everything is in bytes but where GiB is said; figures are estimates that err upward.
"""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lbt_core import UserError
from lbt_core.run.config import RunConfig

GIB = 2**30
# 4 bits, and double-quantised scales: 0.127 bits a parameter (QLoRA, arXiv 2305.14314, section 3)
NF4_BYTES = (4 + 0.127) / 8
# CUDA's context and libraries, allocated outside torch: what an idle context takes on recent cards
CONTEXT = 0.7 * GIB
# vLLM's own profile run and CUDA graphs; what is left of its share is KV cache
ENGINE_OVERHEAD = 2.0 * GIB
# allocator's fragmentation, as a share of what is computed
FRAGMENTATION = 0.1
# below this an exam's prompt with its worked example and an answer has no room
SHORTEST_CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class Shape:
    """A Llama-like model's dimensions."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool

    @property
    def linear(self) -> int:
        """Parameters of the layers' linear maps: what is quantised and adapted."""
        attention = self.hidden * self.head_size * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def embeddings(self) -> int:
        """Parameters of the embeddings and of the output layer: never quantised."""
        return self.vocabulary * self.hidden * (1 if self.tied else 2)

    @property
    def parameters(self) -> int:
        """All parameters, norms apart."""
        return self.linear + self.embeddings

    def adapter(self, rank: int) -> int:
        """Parameters of a LoRA adapter on every linear map."""
        query, value = self.heads * self.head_size, self.kv_heads * self.head_size
        pairs = [(self.hidden, query), (query, self.hidden)]
        pairs += [(self.hidden, value)] * 2 + [(self.hidden, self.intermediate)] * 3
        return self.layers * rank * sum(a + b for a, b in pairs)


LLAMA3_8B = Shape(4096, 14336, 32, 32, 8, 128, 128256, tied=False)


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a step fits: the bytes of each part, what the card has for it, and what to change."""

    step: str
    card: str
    fits: bool
    needed: int
    available: int
    parts: dict[str, int] = field(default_factory=dict)
    change: str = ""

    def as_json(self) -> dict[str, Any]:
        """The arithmetic, for ``--json``."""
        return asdict(self)


def shape_of(folder: Path) -> Shape:
    """A model's shape from its config.json. Raises UserError where that is no Llama-like one."""
    import json  # noqa: PLC0415 - only where a folder is read

    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
        heads = int(config["num_attention_heads"])
        hidden = int(config["hidden_size"])
        return Shape(
            hidden=hidden,
            intermediate=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_size=int(config.get("head_dim") or hidden // heads),
            vocabulary=int(config["vocab_size"]),
            tied=bool(config.get("tie_word_embeddings", False)),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder}/config.json: no shape can be read from it ({error})") from None


def scaled(parameters: float) -> Shape:
    """The shape of a model of which only the size is known: Llama-3-8B's, with as many layers more
    or less as it takes."""
    base = LLAMA3_8B
    per_layer = base.linear / base.layers
    layers = max(1, round((parameters - base.embeddings) / per_layer))
    return Shape(
        base.hidden,
        base.intermediate,
        layers,
        base.heads,
        base.kv_heads,
        base.head_size,
        base.vocabulary,
        base.tied,
    )


def engine_fit(config: RunConfig, shape: Shape, card: str, memory_gib: float) -> Fit:
    """Whether one engine fits its card, with room for a sequence of the context's length at least;
    ``contexts_in_kv_cache`` says for how many."""
    engines = config.engines
    ranks = engines.tensor_parallel
    context = config.teacher.max_model_len or 8192
    width = 4 if config.teacher.dtype == "float32" else 2
    weights = round(shape.parameters * width / ranks)
    per_token = 2 * shape.layers * max(shape.kv_heads // ranks, 1) * shape.head_size * width
    one = per_token * context
    available = round(memory_gib * GIB * engines.gpu_memory_utilization)
    needed = round(weights + ENGINE_OVERHEAD + one)
    cache = available - weights - round(ENGINE_OVERHEAD)
    change = ""
    if needed > available:
        rest = available - ENGINE_OVERHEAD - one
        enough = next((n for n in (2, 4, 8) if n > ranks and weights * ranks / n <= rest), None)
        room = int((available - weights - ENGINE_OVERHEAD) / per_token)
        if room >= SHORTEST_CONTEXT:
            change = f"set teacher.max_model_len to at most {room}"
        elif enough:
            change = f"set engines.tensor_parallel={enough}"
        else:
            change = "choose a larger card or a smaller model"
    return Fit(
        step="engine",
        card=card,
        fits=needed <= available,
        needed=needed,
        available=available,
        parts={
            "weights": weights,
            "overhead": round(ENGINE_OVERHEAD),
            "kv_cache_per_token": per_token,
            "kv_cache_of_one_context": one,
            "contexts_in_kv_cache": max(0, cache // one),
        },
        change=change,
    )


def training_parts(config: RunConfig, shape: Shape) -> dict[str, int]:
    """Bytes of a training's parts on one GPU, at the configured rank, batch and longest pair."""
    spec = config.training
    width = 4 if spec.full_finetune or spec.dtype == "float32" else 2
    nf4 = spec.quantization == "nf4" and not spec.full_finetune
    base = shape.linear * NF4_BYTES + shape.embeddings * 2 if nf4 else shape.parameters * width
    trained = shape.parameters if spec.full_finetune else shape.adapter(spec.lora_r)
    # a pair is two sequences
    tokens = 2 * spec.per_device_batch_size * spec.max_length
    work = 4 if spec.dtype == "float32" else 2
    # one layer: inputs, norms, attention's q, k, v and output, the MLP's three, with LoRA's inputs
    layer = tokens * work * (10 * shape.hidden + 4 * shape.intermediate)
    inputs = tokens * work * shape.hidden * shape.layers
    held = inputs + layer if spec.gradient_checkpointing else layer * shape.layers
    # logits in the computation's type, and in float32 with their gradient for the loss
    logits = tokens * shape.vocabulary * (work + 4 + 4)
    parts = {
        "base_weights": base,
        "trained_weights": 0 if spec.full_finetune else trained * 4,
        "gradients": trained * 4,
        "optimiser": trained * 8,
        "activations": held,
        "logits": logits,
    }
    parts["context_and_fragmentation"] = CONTEXT + FRAGMENTATION * sum(parts.values())
    return {name: round(value) for name, value in parts.items()}


def training_fit(config: RunConfig, shape: Shape, card: str, memory_gib: float) -> Fit:
    """Whether a training fits its card, and the first single change with which it does."""
    parts = training_parts(config, shape)
    needed, available = sum(parts.values()), round(memory_gib * GIB)
    change = ""
    if needed > available:
        change = "choose a larger card or a smaller model"
        for setting, values in _remedies(config):
            training = config.training.model_copy(update=values)
            other = config.model_copy(update={"training": training})
            if sum(training_parts(other, shape).values()) <= available:
                change = f"set {setting}"
                break
    return Fit("training", card, needed <= available, needed, available, parts, change)


def _remedies(config: RunConfig) -> list[tuple[str, dict[str, Any]]]:
    """Changes that save memory, the least harmful first, each with those before it."""
    spec = config.training
    found: list[tuple[str, dict[str, Any]]] = []
    values: dict[str, Any] = {}
    names: list[str] = []

    def add(name: str, value: Any) -> None:
        shown = str(value).lower() if isinstance(value, bool) else value
        names.append(f"training.{name}={shown}")
        values[name] = value
        found.append((" ".join(names), dict(values)))

    if not spec.gradient_checkpointing:
        add("gradient_checkpointing", True)
    if spec.per_device_batch_size > 1:
        add("per_device_batch_size", 1)
        values["gradient_accumulation"] = spec.batch_size
        names.append(f"training.gradient_accumulation={spec.batch_size}")
        found[-1] = (" ".join(names), dict(values))
    if spec.quantization != "nf4" and not spec.full_finetune:
        add("quantization", "nf4")
    for length in (1536, 1024, 768, 512):
        if length < spec.max_length:
            names, values = [n for n in names if "max_length" not in n], dict(values)
            add("max_length", length)
    for rank in (64, 32, 16):
        if rank < spec.lora_r and not spec.full_finetune:
            names, values = [n for n in names if "lora_r" not in n], dict(values)
            add("lora_r", rank)
    return found
