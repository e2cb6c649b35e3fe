"""Calls to a group of Ray actors: each to the least loaded one that lives.

``ray.util.ActorPool`` allows one call in flight per actor and never replaces a dead one. Here every
actor takes a bounded number of calls at once; one that dies is set aside until Ray has rebuilt it,
its calls fail with ``ActorLost`` (an infrastructure error: the shard is tried again elsewhere).
"""

import logging
import re
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError, RayTaskError

from tasks import draining

# 16 GB of weights from a network share and then compilation take minutes, not hours
READY_TIMEOUT_S = 900.0
CLOSE_TIMEOUT_S = 60.0
MEANWHILE_S = 2.0
START_ATTEMPTS = 3
# Ray says that an actor is unavailable without saying when to ask again
REBUILD_S = 0.5
SHOWN = 800
# A stopped process, or one whose machine hangs, ends no call. An actor at work can be asked beside
# its calls; on a machine with fifty processes a core it took seconds to answer, not minutes.
QUIET_S = 30.0
SILENT_S = 90.0
_log = logging.getLogger(__name__)


class ActorLost(RuntimeError):
    """An actor died under a call; trying again may succeed."""


class ActorRefused(RuntimeError):
    """An actor's constructor raised: the message is what. Trying again would raise it again."""


class NoActorLeft(ActorLost):
    """Every actor of the group is gone for good: only a new group helps."""


@dataclass
class _Member:
    name: str
    handle: Any
    in_flight: int = 0
    up: bool = True
    gone: str = ""


class _Pulse:
    """Whether an actor that sends nothing still answers: it is asked after QUIET_S, and has
    SILENT_S from then on."""

    def __init__(self, member: _Member) -> None:
        self._member = member
        self._question: Any = None
        self.felt()

    def felt(self) -> None:
        """It has just sent something."""
        self._since, self._question = time.monotonic(), None

    def silent(self) -> float:
        """For how many seconds it has sent nothing, once that is too long; else 0."""
        quiet = time.monotonic() - self._since
        if quiet < QUIET_S:
            return 0.0
        if self._question is None:
            self._question = self._member.handle.ready.remote()
        elif ray.wait([self._question], timeout=0)[0]:
            self.felt()
        elif quiet > QUIET_S + SILENT_S:
            return quiet
        return 0.0


class Dispatcher:
    """A group of equal actors with ``slots`` calls in flight each.

    The actors' class has a method ``ready()`` that returns once it can work, and answers beside
    its calls. One that is stopped is waited for until it answers again, or, where it is cheap to
    ``rebuild``, ended, so that Ray makes a new one.
    """

    def __init__(
        self, actors: Sequence[tuple[str, Any]], slots: int, rebuild: bool = False
    ) -> None:
        self._members = [_Member(name, handle) for name, handle in actors]
        self._slots = slots
        self._rebuild = rebuild
        self._changed = threading.Condition()

    @property
    def capacity(self) -> int:
        """Calls that the group takes at once."""
        return self._slots * len(self._members)

    def wait_ready(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Wait until every actor works, calling ``meanwhile`` now and then.

        An actor that dies before it works is waited for again where Ray rebuilds it, twice. Raises
        ActorRefused as soon as a constructor raised, ActorLost naming what one of them died of.
        """
        waiting = {m.handle.ready.remote(): m for m in self._members}
        deaths: Counter[str] = Counter()
        deadline = time.monotonic() + READY_TIMEOUT_S
        while waiting:
            if time.monotonic() > deadline:
                late = ", ".join(m.name for m in waiting.values())
                raise ActorLost(f"{late}: not ready within {READY_TIMEOUT_S:.0f} s")
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=MEANWHILE_S)
            if not done:
                draining.check()
                meanwhile()
            for ref in done:
                member = waiting.pop(ref)
                try:
                    ray.get(ref)
                except ActorUnavailableError as error:
                    deaths[member.name] += 1
                    if deaths[member.name] == START_ATTEMPTS:
                        raise ActorLost(f"{member.name} died ({_last_line(error)})") from None
                    time.sleep(REBUILD_S)
                    waiting[member.handle.ready.remote()] = member
                except RayActorError as error:
                    refusal = _refusal(error)
                    if refusal:
                        raise ActorRefused(refusal) from None
                    raise ActorLost(_last_line(error)) from None
                except RayTaskError as error:
                    raise ActorLost(_last_line(error)) from None

    def call(self, method: str, *args: Any) -> tuple[str, Any]:
        """Run a method on the least loaded actor; returns the actor's name and the result.

        Blocks while all slots are taken. An actor that is stopped counts as lost. Raises ActorLost,
        NoActorLeft, Drained, or what the method raised.
        """
        member = self._take()
        pulse = _Pulse(member)
        try:
            answer = getattr(member.handle, method).remote(*args)
            while not ray.wait([answer], timeout=draining.POLL_S)[0]:
                draining.check()
                if silent := pulse.silent():
                    raise self._given_up(member, silent)
            return member.name, ray.get(answer)
        except RayActorError as error:
            self._set_aside(member)
            raise ActorLost(f"{member.name} died ({_last_line(error)})") from None
        except RayTaskError as error:
            raise error.as_instanceof_cause() from None
        finally:
            with self._changed:
                member.in_flight -= 1
                self._changed.notify_all()

    def stream(self, method: str, drop: str, *args: Any) -> Iterator[tuple[str, Any]]:
        """What a method yields on the least loaded actor, piece by piece, with the actor's name.

        The method gets a ticket after its arguments; where the pieces are not taken to the end, the
        method ``drop`` gets it. An actor that is stopped counts as lost until it answers again.
        Raises ActorLost, NoActorLeft, Drained, or what the method raised.
        """
        member, ticket, ended = self._take(), uuid.uuid4().hex, False
        pulse = _Pulse(member)
        try:
            start = getattr(member.handle, method).options(num_returns="streaming")
            pieces = start.remote(*args, ticket)
            while True:
                if ray.wait([pieces], timeout=draining.POLL_S)[0]:
                    yield member.name, ray.get(next(pieces))
                    pulse.felt()
                draining.check()
                if silent := pulse.silent():
                    raise self._given_up(member, silent)
        except StopIteration:
            ended = True
        except RayActorError as error:
            self._set_aside(member)
            raise ActorLost(f"{member.name} died ({_last_line(error)})") from None
        except RayTaskError as error:
            raise error.as_instanceof_cause() from None
        finally:
            if not ended:
                getattr(member.handle, drop).remote(ticket)
            with self._changed:
                member.in_flight -= 1
                self._changed.notify_all()

    def each(self, method: str, timeout: float) -> dict[str, Any]:
        """Results of a method from every actor that answers in time, by name."""
        with self._changed:
            pending = {getattr(m.handle, method).remote(): m.name for m in self._members if m.up}
        if not pending:
            return {}
        done, _ = ray.wait(list(pending), num_returns=len(pending), timeout=timeout)
        results = {}
        for ref in done:
            try:
                results[pending[ref]] = ray.get(ref)
            except (RayActorError, RayTaskError):
                continue
        return results

    def handles(self) -> dict[str, Any]:
        """The actors by name."""
        return {m.name: m.handle for m in self._members}

    def close(self) -> None:
        """End the actors and wait until they are gone, with the memory that they held.

        Raises ActorLost where one lives on.
        """
        for member in self._members:
            ray.kill(member.handle, no_restart=True)
        deadline = time.monotonic() + CLOSE_TIMEOUT_S
        for member in self._members:
            while not _is_dead(member.handle):
                if time.monotonic() > deadline:
                    raise ActorLost(f"{member.name} did not end within {CLOSE_TIMEOUT_S:.0f} s")
                time.sleep(0.05)

    def _take(self) -> _Member:
        with self._changed:
            while True:
                draining.check()
                alive = [m for m in self._members if not m.gone]
                if not alive:
                    reasons = "; ".join(f"{m.name}: {m.gone}" for m in self._members)
                    raise NoActorLeft(f"no engine or grader is left ({reasons})")
                free = [m for m in alive if m.up and m.in_flight < self._slots]
                if free:
                    member = min(free, key=lambda m: m.in_flight)
                    member.in_flight += 1
                    return member
                self._changed.wait(timeout=1.0)

    def _given_up(self, member: _Member, silent: float) -> ActorLost:
        then = "it is ended and made anew" if self._rebuild else "or of it once it answers"
        reason = (
            f"{member.name} has not answered for {silent:.0f} s: it is stopped, or its machine "
            f"hangs; what it was asked is asked of others, {then}"
        )
        if self._set_aside(member):
            _log.warning(reason)
            if self._rebuild:
                ray.kill(member.handle, no_restart=False)
        return ActorLost(reason)

    def _set_aside(self, member: _Member) -> bool:
        """Take no more calls to a member until it is ready again; watch it from a thread. Whether
        this call was the one that set it aside."""
        with self._changed:
            if not member.up or member.gone:
                return False
            member.up = False
        threading.Thread(target=self._revive, args=(member,), daemon=True).start()
        return True

    def _revive(self, member: _Member) -> None:
        """Wait for Ray's restart; a member that Ray has given up on is gone for good."""
        deadline = time.monotonic() + READY_TIMEOUT_S
        gone = "not rebuilt in time"
        while time.monotonic() < deadline:
            try:
                ray.get(member.handle.ready.remote(), timeout=READY_TIMEOUT_S)
                gone = ""
                break
            except ActorDiedError as error:
                gone = _last_line(error)
                break
            except (RayActorError, ray.exceptions.GetTimeoutError):
                time.sleep(REBUILD_S)  # unavailable: Ray is rebuilding it
        with self._changed:
            member.up, member.gone = not gone, gone
            self._changed.notify_all()


def fetch(ref: Any) -> Any:
    """``ray.get`` that ends on request. Raises Drained, and what ``ray.get`` raises."""
    while not ray.wait([ref], timeout=draining.POLL_S)[0]:
        draining.check()
    return ray.get(ref)


def _is_dead(handle: Any) -> bool:
    try:
        ray.get(handle.ready.remote(), timeout=5.0)
    except ActorDiedError:
        return True
    except (RayActorError, ray.exceptions.GetTimeoutError):
        return False
    return False


def _refusal(error: RayActorError) -> str:
    """What an actor's constructor raised; "" where it died otherwise."""
    if "raised in its creation task" not in str(error):
        return ""
    name_and_message = _last_line(error)
    return re.sub(r"^[\w.]+: ", "", name_and_message)


def _last_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:SHOWN] if lines else type(error).__name__
