"""An OpenAI-compatible server as an engine: what it is asked, and what it turns out to serve.

``look`` asks each address once, before anything starts: which model, which of the two interfaces,
whether prompts arrive there as the bytes that they are here. The engine is ``endpoint_engine``.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from lbt_core import UserError
from lbt_core.generation.models import model_folder

PROBE = "<|begin_of_text|>One and one is"
PROBE_TIMEOUT_S = 60.0
SHOWN = 300

# What vLLM, SGLang and others understand beyond OpenAI's own fields
EXTENSIONS: dict[str, Any] = {"add_special_tokens": False, "repetition_penalty": 1.0, "top_k": 0}


class EndpointDown(ConnectionError):
    """No address has answered for as long as is waited; trying again later may succeed."""


class EndpointRefused(UserError):
    """An endpoint refuses what is asked, or serves another model than it did; says what to do."""


@dataclass(frozen=True, slots=True)
class EndpointSpec:
    """Where to ask and how.

    ``urls`` end in /v1. ``model`` is the served name, None for the only one there is.
    ``concurrency`` bounds the requests of one address. A request is given ``timeout_s``; where
    nothing at all has been answered for ``patience_s``, calls end with EndpointDown. ``key`` names
    the environment variable that holds the key.
    """

    urls: tuple[str, ...]
    model: str | None
    api: Literal["auto", "completions", "chat"]
    key: str
    seed: bool
    logprobs: bool
    concurrency: int
    timeout_s: float
    patience_s: float


@dataclass(frozen=True, slots=True)
class Served:
    """What an endpoint serves: the model's name and, where the server tells them, its source and
    context in tokens; the name that its answers carry; the interface that is used.

    ``extended`` says that fields beyond OpenAI's are taken (top_k, stop tokens, no second BOS),
    ``exact`` whether a prompt has as many tokens there as with the tokenizer at hand (None without
    one, or where it is not said).
    """

    name: str
    root: str | None
    max_model_len: int | None
    answers_as: str
    api: Literal["completions", "chat"]
    extended: bool
    exact: bool | None

    @property
    def identity(self) -> str:
        """What its rows depend on, as one line."""
        parts = [self.name, self.root or "", self.max_model_len or "", self.api]
        return " | ".join(map(str, parts))


def completion_arguments(served: Served, **settings: Any) -> dict[str, Any]:
    """Arguments of ``completions.create``; ``settings`` are OpenAI's fields, ``top_k`` and
    ``stop_token_ids``, of which the last two only reach servers that take them."""
    extended = {k: settings.pop(k) for k in ("top_k", "stop_token_ids") if k in settings}
    arguments: dict[str, Any] = {"model": served.name, **settings}
    if served.extended:
        arguments["extra_body"] = EXTENSIONS | extended
    return arguments


def look(
    spec: EndpointSpec, key: str | None, tokenizer: str = "", revision: str | None = None
) -> Served:
    """Ask every address what it serves. ``tokenizer`` is a model's folder or hub id, to count with.

    Raises EndpointRefused naming the address, and where two serve different models.
    """
    count = token_counter(tokenizer, revision)
    found = {url: _look(spec, url, key, count) for url in spec.urls}
    first = next(iter(found.values()))
    for url, served in found.items():
        if served.identity != first.identity:
            raise EndpointRefused(
                f"endpoint {url} serves {served.identity!r} and {spec.urls[0]} serves "
                f"{first.identity!r}: the addresses of one endpoint must serve the same model"
            )
    return first


def served_model(models: Sequence[Any], wanted: str | None, url: str) -> Any:
    """The entry of a server's list of models that is meant. Raises EndpointRefused."""
    names = [str(m.id) for m in models]
    if wanted is None and len(models) == 1:
        return models[0]
    for model in models:
        if model.id == wanted:
            return model
    asked = "more than one model" if wanted is None else f"no model {wanted!r}"
    raise EndpointRefused(
        f"endpoint {url} serves {asked} (it has {', '.join(names[:8]) or 'none'}): set "
        "endpoint.model to one of its names"
    )


def _look(
    spec: EndpointSpec, url: str, key: str | None, count: Callable[[str], int] | None
) -> Served:
    import openai  # noqa: PLC0415 - heavy

    with openai.OpenAI(
        base_url=url, api_key=key or "none", max_retries=0, timeout=PROBE_TIMEOUT_S
    ) as client:
        try:
            listed = served_model(list(client.models.list().data), spec.model, url)
            name, extra = str(listed.id), dict(listed.model_extra or {})
        except openai.NotFoundError:
            if spec.model is None:
                raise EndpointRefused(
                    f"endpoint {url} has no list of models: set endpoint.model, and see that the "
                    "address ends where its API starts (…/v1)"
                ) from None
            name, extra = spec.model, {}
        except openai.OpenAIError as error:
            raise refusal(url, key, spec.key, error) from None
        try:
            return _interface(client, spec, name, extra, count)
        except openai.OpenAIError as error:
            raise refusal(url, key, spec.key, error) from None


def _interface(
    client: Any,
    spec: EndpointSpec,
    name: str,
    extra: dict[str, Any],
    count: Callable[[str], int] | None,
) -> Served:
    """Ask for one token in each way, until one works."""
    import openai  # noqa: PLC0415 - heavy

    root, limit = extra.get("root"), extra.get("max_model_len")
    ways: list[tuple[Literal["completions", "chat"], bool]] = [
        ("completions", True), ("completions", False), ("chat", True), ("chat", False)
    ]  # fmt: skip
    last: Exception | None = None
    for api, extended in ways:
        if spec.api not in ("auto", api):
            continue
        served = Served(
            name,
            root if isinstance(root, str) else None,
            limit if isinstance(limit, int) else None,
            name,
            api,
            extended,
            None,
        )
        try:
            answer = _ask(client, served)
        except (
            openai.NotFoundError, openai.BadRequestError, openai.UnprocessableEntityError
        ) as error:  # fmt: skip
            last = error
        except openai.APIStatusError as error:
            if error.status_code not in (405, 501):
                raise
            last = error
        else:
            tokens = getattr(answer.usage, "prompt_tokens", None)
            exact = None
            if api == "completions" and count is not None and tokens:
                exact = tokens == count(PROBE)
            return replace(served, answers_as=str(answer.model or name), exact=exact)
    assert last is not None
    raise last


def _ask(client: Any, served: Served) -> Any:
    arguments = completion_arguments(served, max_tokens=1, temperature=0.0)
    if served.api == "completions":
        return client.completions.create(prompt=PROBE, **arguments)
    return client.chat.completions.create(
        messages=[{"role": "user", "content": PROBE}], **chat_arguments(arguments)
    )


def chat_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """The same for chat, where the server's own template sets the special tokens."""
    extra = {k: v for k, v in arguments.get("extra_body", {}).items() if k != "add_special_tokens"}
    return arguments | {"extra_body": extra} if extra else arguments


def messages_chat(user: str, system: str | None = None, prefill: str = "") -> str:
    """A prompt for a server that only chats: its messages, as JSON. Raises UserError for a prefill,
    which such a server cannot keep."""
    if prefill:
        raise UserError(
            "prompt.prefill: this endpoint only chats, and cannot be given the start of its "
            "answer; set it to false, or serve the model where /v1/completions is offered"
        )
    messages = [{"role": "system", "content": system}] if system else []
    return json.dumps([*messages, {"role": "user", "content": user}])


def token_counter(tokenizer: str, revision: str | None) -> Callable[[str], int] | None:
    """Counts a text's tokens with a model's tokenizer; None where that is not at hand."""
    from tokenizers import Tokenizer  # noqa: PLC0415 - heavy

    if not tokenizer:
        return None
    try:
        folder = model_folder(tokenizer, revision, weights=False)
        loaded = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception:  # the library raises a bare Exception for every failure
        return None
    return lambda text: len(loaded.encode(text, add_special_tokens=False).ids)


def refusal(url: str, key: str | None, variable: str, error: Exception) -> EndpointRefused:
    """Why an address cannot be used, and what to do, as one line."""
    import openai  # noqa: PLC0415 - heavy

    said = " ".join(str(error).split())
    if key:
        said = said.replace(key, "…")
    if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
        what = f"the key in {variable} is refused" if key else f"it wants a key: set {variable}"
    elif isinstance(error, openai.APITimeoutError):
        what = f"no answer within {PROBE_TIMEOUT_S:.0f} s"
    elif isinstance(error, openai.APIConnectionError):
        cause = " ".join(str(error.__cause__ or error).split())
        return EndpointRefused(f"endpoint {url} cannot be reached ({cause[:SHOWN]}): is it up?")
    else:
        what = "it does not answer as an OpenAI-compatible server"
    return EndpointRefused(f"endpoint {url}: {what} ({said[:SHOWN]})")
