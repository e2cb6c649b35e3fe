"""An engine that asks OpenAI-compatible servers: bounded, adapting, over one or several addresses.

One event loop in a thread of its own sends the requests of all callers. Each address has a limit
that adapts (``endpoint_limit``). What an address refuses or loses is asked again, elsewhere where
there is another: only what is wrong with the request itself becomes a row with an error.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from lbt_core.generation.endpoint import (
    SHOWN,
    EndpointDown,
    EndpointRefused,
    EndpointSpec,
    Served,
    chat_arguments,
    completion_arguments,
    look,
    refusal,
    served_model,
)
from lbt_core.generation.endpoint_limit import Limit
from lbt_core.generation.engine import (
    ERROR,
    Completion,
    EngineDied,
    EngineSpec,
    EngineStats,
    Request,
)
from lbt_core.generation.models import model_folder
from lbt_core.generation.turns import stop_token_ids

ATTEMPTS = 5
"""Failed answers to one request, others being answered meanwhile, after which it is a bad one."""
PACE_S = 0.5
PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
CONNECT_S = 10.0


@dataclass(eq=False)
class _Call:
    """One call of ``stream``: what arrives for it, and whether anybody still waits."""

    dropped: bool = False
    arrived: SimpleQueue[Completion | BaseException] = field(default_factory=SimpleQueue)

    def take(self) -> list[Completion]:
        """What has arrived within ``PACE_S``. Raises what ended the call."""
        found: list[Completion] = []
        try:
            while True:
                item = self.arrived.get(timeout=0.0 if found else PACE_S)
                if isinstance(item, BaseException):
                    raise item
                found.append(item)
        except Empty:
            return found


@dataclass(eq=False)
class _Item:
    call: _Call
    request: Request
    failures: int = 0
    answered_before: int = 0


@dataclass(eq=False)
class _Address:
    url: str
    client: Any
    limit: Limit
    longest: float
    """Seconds that it is left alone at most: tried some times before patience ends."""
    running: int = 0
    pause: float = PAUSE_S
    free_at: float = 0.0
    suspect: bool = False
    """Whether it was lost, so that what it serves is asked again before it is used again."""
    tasks: dict["asyncio.Task[None]", _Call] = field(default_factory=dict)

    def rest(self, seconds: float | None = None) -> None:
        """Leave it alone for so long, or for longer each time."""
        wait = seconds if seconds is not None else self.pause
        self.pause = min(self.longest, 2 * self.pause)
        self.free_at = max(self.free_at, time.monotonic() + wait)


class EndpointEngine:
    """Somebody else's server behind the engine protocol."""

    def __init__(self, spec: EngineSpec, key: str | None) -> None:
        """Raises EndpointRefused where an address cannot be used as is asked."""
        assert spec.endpoint is not None
        self._spec: EndpointSpec = spec.endpoint
        self._key = key
        self._window = spec.window
        self._served: Served = spec.served or look(self._spec, key, spec.model, spec.revision)
        self._count, self._ends = _tokenizer(spec)
        self._limit = spec.max_model_len or self._served.max_model_len
        self._backlog: deque[_Item] = deque()
        self._calls: set[_Call] = set()
        self._prompt_tokens = self._tokens = self._answered = 0
        self._busy = 0.0
        self._last_answer = time.monotonic()
        self._last_error = ""
        self._dead: BaseException | None = None
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._wake = asyncio.Event()
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._work, args=(started,), daemon=True, name="endpoint"
        )
        self._thread.start()
        started.result()

    @property
    def served(self) -> Served:
        """What the endpoint serves."""
        return self._served

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Completions in the order of the requests. Raises EndpointDown, EndpointRefused."""
        done = {c.id: c for part in self.stream(requests) for c in part}
        return [done[request.id] for request in requests]

    def stream(
        self, requests: Sequence[Request], stop: threading.Event | None = None
    ) -> Iterator[list[Completion]]:
        """Completions in lists, as they finish. ``stop`` ends it early.

        Raises EndpointDown where nothing has been answered for the endpoint's patience,
        EndpointRefused where the key is refused or another model is served than before.
        """
        call = _Call()
        with self._lock:
            if self._dead is not None:
                raise self._dead
            self._calls.add(call)
            if not self._running() and not self._backlog:
                self._last_answer = time.monotonic()
            self._backlog.extend(_Item(call, request) for request in requests)
        self._rouse()
        missing = len(requests)
        try:
            while missing and not (stop is not None and stop.is_set()):
                if part := call.take():
                    missing -= len(part)
                    yield part
        finally:
            with self._lock:
                self._calls.discard(call)
            call.dropped = True

    def stats(self) -> EngineStats:
        """Counters and gauges; what an endpoint does with its memory is not known here."""
        running = self._running()
        return EngineStats(
            prompt_tokens=self._prompt_tokens,
            tokens=self._tokens,
            requests=self._answered,
            running=running,
            waiting=len(self._backlog),
            kv_cache_usage=0.0,
            prefix_hit_rate=0.0,
            busy_seconds=self._busy,
        )

    def _rouse(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and so have its calls
            self._loop.call_soon_threadsafe(self._wake.set)

    def limits(self) -> dict[str, int]:
        """Requests that each address is given at once, now."""
        return {address.url: address.limit.allowed for address in self._addresses}

    def close(self) -> None:
        """End the loop. Calls in progress fail with EngineDied."""
        self._fail(EngineDied("the engine was closed"))
        self._rouse()
        self._thread.join(timeout=30)

    # --- the loop's thread ------------------------------------------------------------------------

    def _work(self, started: "Future[None]") -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._addresses = [self._address(url) for url in self._spec.urls]
            started.set_result(None)
        except BaseException as error:
            started.set_exception(error)
            return
        try:
            self._loop.run_until_complete(self._pump())
        except BaseException as error:
            self._fail(EngineDied(f"{type(error).__name__}: {error}"))
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _address(self, url: str) -> _Address:
        import openai  # noqa: PLC0415 - heavy

        client = openai.AsyncOpenAI(
            base_url=url,
            api_key=self._key or "none",
            max_retries=0,
            timeout=openai.Timeout(self._spec.timeout_s, connect=CONNECT_S),
        )
        longest = min(LONGEST_PAUSE_S, self._spec.patience_s / 4)
        return _Address(url, client, Limit(self._spec.concurrency), longest)

    async def _pump(self) -> None:
        """Hand out requests while there is room; end the calls that nothing is answered to."""
        then = time.monotonic()
        while self._dead is None:
            self._hand_out()
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._nap())
            self._drop()
            now = time.monotonic()
            running = self._running()
            self._busy += (now - then) * (running > 0)
            then = now
            waited = now - self._last_answer
            if (running or self._backlog) and waited > self._spec.patience_s:
                last = f"; last: {self._last_error}" if self._last_error else ""
                self._end_calls(
                    EndpointDown(
                        f"{', '.join(self._spec.urls)}: nothing answered for {waited:.0f} s{last}"
                    )
                )
        tasks = [task for address in self._addresses for task in address.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for address in self._addresses:
            await address.client.close()

    def _nap(self) -> float:
        """Seconds until there is something to do without being woken."""
        now = time.monotonic()
        rests = [a.free_at - now for a in self._addresses if a.free_at > now]
        return min([PACE_S, *rests]) if self._backlog else PACE_S

    def _drop(self) -> None:
        """Take back the requests that nobody waits for."""
        for address in self._addresses:
            for task, call in address.tasks.items():
                if call.dropped:
                    task.cancel()

    def _hand_out(self) -> None:
        while self._backlog and self._running() < self._window:
            now = time.monotonic()
            free = [
                a
                for a in self._addresses
                if a.free_at <= now and a.running < (1 if a.suspect else a.limit.allowed)
            ]
            if not free:
                return
            item = self._backlog.popleft()
            if item.call.dropped:
                continue
            address = min(free, key=lambda a: a.running / a.limit.allowed)
            address.running += 1
            address.limit.started(address.running)
            task = self._loop.create_task(self._answer(address, item))
            address.tasks[task] = item.call
            task.add_done_callback(partial(_forget, address))

    async def _answer(self, address: _Address, item: _Item) -> None:
        import openai  # noqa: PLC0415 - heavy

        sent = time.monotonic()
        again = True
        try:
            if address.suspect:
                await self._check(address)
            completion = await self._ask(address, item.request)
            again = False
            self._deliver(address, item, completion)
        except EndpointRefused as error:
            self._fail(error)
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            self._fail(refusal(address.url, self._key, self._spec.key, error))
        except (openai.BadRequestError, openai.UnprocessableEntityError, _BadRequest) as error:
            again = False
            self._bad(item, error)
        except openai.APITimeoutError as error:
            address.limit.refused(sent, time.monotonic())
            address.rest()
            again = self._missed(item, error)
        except openai.APIStatusError as error:
            if error.status_code in (429, 503):
                address.limit.refused(sent, time.monotonic())
                address.rest(_retry_after(error))
                self._last_error = _said(error)
            elif error.status_code == 413:
                again = False
                self._bad(item, error)
            else:
                address.suspect = error.status_code == 404
                address.rest()
                again = self._missed(item, error)
        except openai.APIConnectionError as error:
            address.suspect = True
            address.rest()
            self._last_error = f"{address.url}: {_said(error)}"
        except Exception as error:  # a body that is no answer, in whatever way
            address.rest()
            again = self._missed(item, error)
        finally:
            address.running -= 1
            if again and not item.call.dropped:
                self._backlog.appendleft(item)
            self._wake.set()

    async def _check(self, address: _Address) -> None:
        """Ask an address that was away what it serves now. Raises EndpointRefused."""
        import openai  # noqa: PLC0415 - heavy

        try:
            models = (await address.client.models.list()).data
        except openai.NotFoundError:
            models = []  # it never listed any, or the answers' name tells
        if models:
            listed = served_model(models, self._served.name, address.url)
            extra = listed.model_extra or {}
            for name in ("root", "max_model_len"):
                known = getattr(self._served, name)
                if known is not None and extra.get(name, known) != known:
                    raise self._changed(address, f"{name} {extra[name]!r} instead of {known!r}")
        address.suspect = False
        address.limit.allowed = max(1, address.limit.allowed // 2)

    def _changed(self, address: _Address, how: str) -> EndpointRefused:
        return EndpointRefused(
            f"endpoint {address.url} serves another model than before ({how}): serve the one that "
            "this run began with, or start another run"
        )

    async def _ask(self, address: _Address, request: Request) -> Completion:
        served, settings = self._served, request.settings
        room = settings.max_new_tokens
        prompt_tokens = 0
        if self._count is not None and self._limit and served.api == "completions":
            prompt_tokens = self._count(request.prompt)
            room = min(room, self._limit - prompt_tokens)
            if room < 1:
                raise _BadRequest(f"prompt of {prompt_tokens} tokens, context of {self._limit}")
        wanted: dict[str, Any] = {
            "max_tokens": room,
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": settings.top_k,
        }
        if self._ends:
            wanted["stop_token_ids"] = self._ends
        if self._spec.seed:
            wanted["seed"] = request.seed
        chat = served.api == "chat"
        if self._spec.logprobs:
            wanted["logprobs"] = True if chat else 0
        arguments = completion_arguments(served, **wanted)
        if chat:
            answer = await address.client.chat.completions.create(
                messages=json.loads(request.prompt), **chat_arguments(arguments)
            )
        else:
            answer = await address.client.completions.create(prompt=request.prompt, **arguments)
        if answer.model != served.answers_as:
            raise self._changed(address, f"{answer.model!r} instead of {served.answers_as!r}")
        return completion_of(request.id, answer, chat)

    def _deliver(self, address: _Address, item: _Item, completion: Completion) -> None:
        now = time.monotonic()
        address.limit.answered(completion.tokens, now)
        address.pause = PAUSE_S
        self._last_answer = now
        self._answered += 1
        self._prompt_tokens += completion.prompt_tokens
        self._tokens += completion.tokens
        item.call.arrived.put(completion)

    def _bad(self, item: _Item, error: Exception) -> None:
        """This request is bad, the endpoint is not."""
        self._last_answer = time.monotonic()
        reason = f"{ERROR}{_said(error)[:200]}"
        item.call.arrived.put(Completion(item.request.id, "", reason, 0, 0))

    def _missed(self, item: _Item, error: Exception) -> bool:
        """Whether a request that failed is asked again; it is not where it keeps failing while
        others are answered."""
        self._last_error = _said(error)
        if not item.failures:
            item.answered_before = self._answered
        item.failures += 1
        if item.failures < ATTEMPTS or self._answered == item.answered_before:
            return True
        self._bad(item, error)
        return False

    def _running(self) -> int:
        return sum(address.running for address in self._addresses)

    def _end_calls(self, error: BaseException) -> None:
        """End the calls there are; later ones are tried again."""
        with self._lock:
            calls, self._calls = self._calls, set()
            self._backlog.clear()
            self._last_answer = time.monotonic()
        for call in calls:
            call.dropped = True
            call.arrived.put(error)

    def _fail(self, error: BaseException) -> None:
        """End the calls there are, and all later ones."""
        with self._lock:
            if self._dead is None:
                self._dead = error
        self._end_calls(error)


def _forget(address: _Address, task: "asyncio.Task[None]") -> None:
    address.tasks.pop(task, None)


class _BadRequest(ValueError):
    """A request that no endpoint could answer."""


def completion_of(name: str, answer: Any, chat: bool) -> Completion:
    """A server's answer as a completion. Raises ValueError where it is none."""
    choices = list(answer.choices or ())
    if len(choices) != 1:
        raise ValueError(f"an answer with {len(choices)} choices")
    choice = choices[0]
    text = (choice.message.content or "") if chat else choice.text
    reason = choice.finish_reason
    if not isinstance(text, str) or not isinstance(reason, str):
        raise ValueError("an answer without text or reason of its end")
    if reason not in ("stop", "length"):
        text, reason = "", f"{ERROR}the endpoint ended it: {reason[:80]}"
    usage = answer.usage
    read, written = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    return Completion(name, text, reason, read, written, _logprob(choice, chat))


def _logprob(choice: Any, chat: bool) -> float | None:
    """Sum of the log-probabilities of an answer's tokens, where the server gives them."""
    given = choice.logprobs
    if given is None:
        return None
    values = [t.logprob for t in given.content or ()] if chat else given.token_logprobs or ()
    known = [float(v) for v in values if v is not None]
    return sum(known) if known else None


def _tokenizer(spec: EngineSpec) -> tuple[Any, list[int]]:
    """A token counter and the tokens that end an answer, where the model's tokenizer is at hand."""
    try:
        from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

        folder = model_folder(spec.model, spec.revision, weights=False)
        loaded: Any = AutoTokenizer.from_pretrained(folder)
    except Exception:  # whatever the library raises: the endpoint has its own ends
        return None, []
    return lambda text: len(loaded.encode(text, add_special_tokens=False)), stop_token_ids(loaded)


def _retry_after(error: Any) -> float | None:
    """Seconds that a server asks to be left alone; None where it does not say."""
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return min(max(0.0, seconds), 2 * LONGEST_PAUSE_S)


def _said(error: Exception) -> str:
    cause = error.__cause__ if error.__cause__ is not None else error
    return (" ".join(str(cause).split()) or type(cause).__name__)[:SHOWN]
