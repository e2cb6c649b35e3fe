"""The sweep of `lbt tune`, on speeds that are made up."""

import pytest
import yaml

from flows.cli.tune import profile_lines
from lbt_core import UserError
from lbt_core.run.tune import Measured, axes, best_of, starting_point, sweep, tunable


class Machine:
    """A machine whose speed is a product over settings; every measurement takes ten seconds."""

    def __init__(self, seconds, **speeds):
        self.left, self.speeds, self.asked = seconds, speeds, []

    def measure(self, settings):
        self.asked.append(dict(settings))
        self.left -= 10
        speed = 1000.0
        for name, value in settings.items():
            speed *= self.speeds.get(name, {}).get(value, 1.0)
        return Measured(settings, speed)

    def run(self, start, varied):
        return list(sweep(start, varied, self.measure, lambda: self.left))


VARIED = [("max_num_seqs", (512, 128)), ("block_size", (32, 64))]


def test_it_keeps_what_is_clearly_faster_and_goes_on_from_there():
    machine = Machine(1000, max_num_seqs={512: 1.2, 128: 0.5}, block_size={32: 1.1, 64: 1.02})
    found = machine.run({"max_num_seqs": 256}, VARIED)
    assert best_of(found).settings == {"max_num_seqs": 512, "block_size": 32}
    assert machine.asked[-1] == {"max_num_seqs": 512, "block_size": 64}


def test_noise_changes_nothing():
    machine = Machine(1000, max_num_seqs={512: 1.02}, block_size={32: 1.02})
    found = machine.run({"max_num_seqs": 256}, VARIED)
    assert best_of(found) is found[0]


def test_no_measurement_is_begun_that_would_end_too_late():
    machine = Machine(35)
    assert len(machine.run({"max_num_seqs": 256}, VARIED)) == 3
    assert machine.left == 5


def test_a_setting_that_cannot_run_is_never_the_best():
    found = [Measured({"block_size": 32}, 100.0), Measured({"block_size": 16}, 0.0, "refused")]
    assert best_of(found) is found[0]


def test_the_lines_are_a_profiles():
    found = [Measured({"max_num_seqs": 256}, 100.0), Measured({"max_num_seqs": 512}, 120.0)]
    lines = profile_lines(found, "demo")
    assert yaml.safe_load(lines) == {"engines": {"max_num_seqs": 512}}
    assert "100 -> 120" in lines


def test_the_sweep_starts_from_what_a_run_would_use():
    config, _ = tunable("demo", ["engines.device=cpu"])
    start = starting_point(config, "cpu")
    assert start == {"max_num_seqs": 512, "block_size": 32}
    assert {name for name, _ in axes(start, "cpu")} >= set(start)


def test_an_engine_that_is_not_loaded_here_is_refused():
    with pytest.raises(UserError, match="only vLLM engines"):
        tunable("demo", ["engines.kind=transformers"])
