"""Endpoints as engines, against a server that refuses, hangs, lies, goes and comes back."""

import json
import threading
from contextlib import contextmanager

import pytest
from endpoint_server import serving

from lbt_core.generation import EngineSpec, Request, Settings, build_engine
from lbt_core.generation.endpoint import (
    EndpointDown,
    EndpointRefused,
    EndpointSpec,
    look,
    messages_chat,
)
from lbt_core.generation.endpoint_limit import FIRST, Limit

DRAWN = Settings(0.7, 20, 1.0, 50)


def endpoint(*urls, **changes):
    values = {"model": None, "api": "auto", "key": "LBT_ENDPOINT_KEY", "seed": True}
    values |= {"logprobs": False, "concurrency": 64, "timeout_s": 5.0, "patience_s": 20.0}
    return EndpointSpec(urls, **(values | changes))


@contextmanager
def engine(*urls, key=None, **changes):
    spec = EngineSpec(
        "endpoint", "/no/such/model", None, "bfloat16", None, "cpu", 1, 256, 512, 1, 0.9, False,
        "safetensors", 0, endpoint=endpoint(*urls, **changes),
    )  # fmt: skip
    built = build_engine(spec, key)
    try:
        yield built
    finally:
        built.close()


def requests(n, start=0):
    return [Request(str(i), f"prompt {i};", 100 + i, DRAWN) for i in range(start, start + n)]


def whole(answers, asked):
    assert [(a.id, a.text, a.finish_reason) for a in answers] == [
        (r.id, f"re: {r.prompt}", "stop") for r in asked
    ]


def test_prompts_arrive_as_they_are_with_their_seeds_and_no_second_bos():
    with serving() as server, engine(server.url) as asked:
        whole(asked.generate(requests(20)), requests(20))
        sent = {b["prompt"]: b for b in server.seen if b["prompt"].startswith("prompt")}
    assert {p: b["seed"] for p, b in sent.items()} == {r.prompt: r.seed for r in requests(20)}
    assert all(b["add_special_tokens"] is False and b["top_k"] == 20 for b in sent.values())
    assert asked.stats().tokens == 40


def test_seeds_and_log_probabilities_are_sent_where_asked_for():
    with serving() as server, engine(server.url, seed=False, logprobs=True) as asked:
        (answer,) = asked.generate(requests(1))
        assert "seed" not in server.seen[-1]
    assert answer.logprob == -1.5


def test_a_server_that_only_chats_gets_messages():
    with serving() as server:
        server.completions = False
        with engine(server.url) as asked:
            assert asked.served.api == "chat"
            prompt = messages_chat("hello", "be brief")
            (answer,) = asked.generate([Request("0", prompt, 1, DRAWN)])
            assert answer.text == "re: hello"
            assert server.seen[-1]["messages"] == json.loads(prompt)


def test_a_server_of_openais_fields_alone_is_asked_with_those():
    with serving() as server:
        server.extended = False
        with engine(server.url) as asked:
            whole(asked.generate(requests(3)), requests(3))
            assert not asked.served.extended and "top_k" not in server.seen[-1]


@pytest.mark.parametrize("fault", [500, 502, "drop", "html", "empty", "no choices", 429, 503])
def test_what_a_server_spoils_is_asked_again(fault):
    with serving() as server, engine(server.url) as asked:
        server.faults = [fault] * 3
        whole(asked.generate(requests(30)), requests(30))


def test_an_answer_that_never_comes_is_asked_for_again():
    with serving() as server, engine(server.url, timeout_s=0.3) as asked:
        server.faults = ["hang"]
        whole(asked.generate(requests(5)), requests(5))


def test_a_bad_request_is_a_row_with_its_error_and_the_others_are_answered():
    with serving() as server, engine(server.url) as asked:
        server.poison = {"prompt 3;": 400, "prompt 5;": 500}
        answers = asked.generate(requests(40))
    bad = {a.id: a.finish_reason for a in answers if a.finish_reason != "stop"}
    assert set(bad) == {"3", "5"} and all(r.startswith("error:") for r in bad.values())


def test_a_crowded_server_is_given_fewer_at_once():
    with serving() as server, engine(server.url) as asked:
        server.most, server.seconds = 4, 0.01
        whole(asked.generate(requests(120)), requests(120))
        # below what the first eight answers of a server that refuses nothing raise it to; between
        # refusals it grows by one a round, so that its last value is no fixed number
        assert asked.limits()[server.url] < 2 * FIRST


def test_one_dead_address_of_two_costs_nothing():
    with serving() as first, serving() as second, engine(first.url, second.url) as asked:
        first.faults = ["drop"] * 1000
        whole(asked.generate(requests(50)), requests(50))
        assert second.counts[""] >= 50


def test_a_server_that_went_and_came_back_loses_nothing():
    with serving() as server:
        port, url = server.server_port, server.url
        with engine(url) as asked:
            whole(asked.generate(requests(5)), requests(5))
            server.shutdown()
            server.server_close()
            back = threading.Event()

            def return_later():
                with serving(port):
                    back.wait(20)

            later = threading.Timer(0.7, return_later)
            later.start()
            whole(asked.generate(requests(10, 5)), requests(10, 5))
            back.set()
            later.join()


def test_another_model_after_a_restart_is_refused():
    with serving() as server:
        port = server.server_port
        with engine(server.url) as asked:
            asked.generate(requests(2))
            server.faults = ["drop"]
            server.root = "/models/other"
            with pytest.raises(EndpointRefused, match=r"another model than before.*other"):
                asked.generate(requests(4))
            with pytest.raises(EndpointRefused):
                asked.generate(requests(1))
        assert port


def test_answers_of_another_model_are_refused():
    with serving() as server, engine(server.url) as asked:
        server.answers_as = "huge"
        with pytest.raises(EndpointRefused, match="'huge' instead of 'tiny'"):
            asked.generate(requests(4))


def test_a_silent_endpoint_ends_calls_after_its_patience_and_later_ones_are_tried():
    with serving() as server, engine(server.url, patience_s=1.0) as asked:
        server.faults = ["drop"] * 1000
        with pytest.raises(EndpointDown, match="nothing answered"):
            asked.generate(requests(4))
        server.faults = []
        whole(asked.generate(requests(4)), requests(4))


def test_a_dropped_call_leaves_nothing_behind():
    with serving() as server, engine(server.url) as asked:
        server.seconds = 5.0
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        assert list(asked.stream(requests(100), stop)) == []
        server.seconds = 0.0
        whole(asked.generate(requests(3)), requests(3))
        assert asked.stats().waiting == 0


def test_the_key_is_sent_and_a_wrong_one_named_by_its_variable_alone():
    with serving() as server:
        server.key = "hush"
        with engine(server.url, key="hush") as asked:
            whole(asked.generate(requests(2)), requests(2))
        with pytest.raises(EndpointRefused, match="wants a key: set LBT_ENDPOINT_KEY"):
            look(endpoint(server.url), None)
        with pytest.raises(EndpointRefused, match="the key in LBT_ENDPOINT_KEY is refused") as no:
            look(endpoint(server.url), "sesame-1")
        assert "sesame-1" not in str(no.value)


def test_addresses_that_cannot_be_used_are_said_in_one_line():
    with serving() as one, serving() as other:
        other.root = "/models/other"
        with pytest.raises(EndpointRefused, match="must serve the same model"):
            look(endpoint(one.url, other.url), None)
        with pytest.raises(EndpointRefused, match=r"serves no model 'big' .it has tiny"):
            look(endpoint(one.url, model="big"), None)
        gone = one.url
    with pytest.raises(EndpointRefused, match="cannot be reached"):
        look(endpoint(gone), None)


def simulate(limit, capacity, seconds=400.0):
    """Answers at a rate that grows with the requests at once up to a capacity, then no more."""
    now, seen = 0.0, []
    while now < seconds:
        limit.started(limit.allowed)
        now += 1.0 / min(limit.allowed, capacity)
        limit.answered(10, now)
        seen.append(limit.allowed)
    return seen


def test_a_limit_grows_to_what_helps_and_no_further():
    assert max(simulate(Limit(64), capacity=1000)) == 64
    crowded = simulate(Limit(512), capacity=20)
    assert 16 <= crowded[-1] <= 48


def test_a_limit_is_halved_once_by_refusals_of_one_crowd():
    limit = Limit(64, allowed=32)
    for _ in range(20):
        limit.refused(sent=1.0, now=2.0)
    assert limit.allowed == 16
    limit.refused(sent=3.0, now=4.0)
    assert limit.allowed == 8
