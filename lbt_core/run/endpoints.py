"""Which models of a run are asked at endpoints, and what is served there now."""

from collections.abc import Callable

from lbt_core.generation.endpoint import EndpointSpec, Served, look, messages_chat
from lbt_core.method.prompts import Renderer
from lbt_core.run.config import ModelConfig, RunConfig, endpoint_key
from lbt_core.run.engine_config import EndpointConfig
from lbt_core.run.plan import model_path, student_labels


def endpoint_spec(config: EndpointConfig) -> EndpointSpec:
    """What the engine is told of an endpoint's configuration."""
    return EndpointSpec(
        urls=config.urls,
        model=config.model,
        api=config.api,
        key=config.key,
        seed=config.seed,
        logprobs=config.logprobs,
        concurrency=config.concurrency,
        timeout_s=config.timeout_s,
        patience_s=config.patience_s,
    )


def roles(config: RunConfig) -> dict[str, ModelConfig]:
    """The run's models by role: "teacher", "student LABEL"."""
    students = zip(student_labels(config), config.student_models(), strict=True)
    return {"teacher": config.teacher} | {f"student {label}": m for label, m in students}


def look_at(config: RunConfig) -> dict[str, Served]:
    """What every endpoint of a run serves, by role; roles that are loaded here are left out.

    Raises EndpointRefused where one cannot be used, saying why.
    """
    found: dict[str, Served] = {}
    seen: dict[tuple[EndpointSpec, str, str | None], Served] = {}
    for role, model in roles(config).items():
        endpoint = config.endpoint_of(model)
        if endpoint is None:
            continue
        asked = (endpoint_spec(endpoint), model_path(model), model.revision)
        if asked not in seen:
            seen[asked] = look(asked[0], endpoint_key(endpoint.key), asked[1], asked[2])
        found[role] = seen[asked]
    return found


def remarks(served: dict[str, Served]) -> list[str]:
    """What whoever reads the run's record should know of how its endpoints are asked."""
    found: dict[str, None] = {}
    for role, one in served.items():
        if one.api == "chat":
            found[f"{role}: the endpoint only chats: its own template renders the prompts"] = None
        elif not one.extended:
            found[
                f"{role}: the endpoint takes no fields beyond OpenAI's: sampling.top_k and "
                "exam.top_k are not sent, and whether it adds a BOS token of its own is up to it"
            ] = None
        elif one.exact is False:
            found[
                f"{role}: the endpoint counts other tokens in a prompt than the tokenizer of "
                "its configured path"
            ] = None
    return list(found)


def renderer_for(served: Served | None, renderer: Renderer) -> Renderer:
    """The run's renderer, or, for a server that only chats, one that gives messages as JSON."""
    if served is None or served.api == "completions":
        return renderer
    chat: Callable[[str, str | None, str], str] = messages_chat
    return Renderer(chat, renderer.system, renderer.prefill, renderer.fixed_examples)
