"""Whether a run looks wasted while it still goes on, and which setting to look at.

Judged on the rows so far: a suspicion with its figures, never a reason to stop.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lbt_core.run.config import RunConfig

# Of thirty rows with a true share of 0.7, nine of ten or more are seen in 1 % of cases (binomial)
ENOUGH_ROWS = 30
ENOUGH_PROBLEMS = 10
NEARLY_ALL = 0.9
# Higher than NEARLY_ALL: a teacher that is right on 95 % still has pairs to give
ALL = 0.98
MANY_UNDECIDED = 0.2


@dataclass(frozen=True, slots=True)
class Tally:
    """Graded rows of a stage so far: how many by verdict and by finish reason ("error" for all
    errors), and, of exams, problems of which a pair can be made (``pairable`` of ``problems``).
    """

    verdicts: Mapping[str, int] = field(default_factory=dict)
    endings: Mapping[str, int] = field(default_factory=dict)
    problems: int = 0
    pairable: int = 0

    @property
    def rows(self) -> int:
        """Graded rows."""
        return sum(self.verdicts.values())

    def share(self, verdict: str) -> float:
        """Share of rows with this verdict; 0 without rows."""
        return self.verdicts.get(verdict, 0) / self.rows if self.rows else 0.0

    def ended(self, reason: str) -> float:
        """Share of rows that ended so; 0 without rows."""
        total = sum(self.endings.values())
        return self.endings.get(reason, 0) / total if total else 0.0

    def added(self, summary: Mapping[str, Any]) -> "Tally":
        """The tally with one more shard, by its footer's summary."""
        return Tally(
            Counter(self.verdicts) + Counter(summary.get("verdicts", {})),
            Counter(self.endings) + Counter(summary.get("finish_reasons", {})),
            self.problems + int(summary.get("problems", 0)),
            self.pairable + int(summary.get("pairable", 0)),
        )


def describe(tally: Tally) -> str:
    """Shares worth seeing, "12 % cut off, <1 % undecided"; "" where there are none."""
    shares = (
        (tally.ended("length"), "cut off"),
        (tally.ended("repetition"), "repeating themselves"),
        (tally.ended("error"), "failed"),
        (tally.share("undecided"), "undecided"),
        (tally.share("unparsable"), "unparsable"),
    )
    return ", ".join(
        f"{f'{100 * share:.0f}' if share >= 0.01 else '<1'} % {name}"
        for share, name in shares
        if share > 0
    )


def warnings(stage: str, tally: Tally, config: RunConfig) -> list[tuple[str, str]]:
    """(kind, sentence) of everything that looks wrong with a stage; few rows give none."""
    if tally.rows < ENOUGH_ROWS:
        return []
    setting = {"sample": "sampling", "examine": "exam"}.get(stage, "evaluation")
    found = _unusable(stage, setting, tally, config)
    if found:
        return found
    if tally.share("undecided") >= MANY_UNDECIDED:
        found.append(
            (
                f"{stage} undecided",
                f"{stage}: {tally.share('undecided'):.0%} of {tally.rows:,} grades are undecided "
                "and count as wrong; look at grading.time_limit_s and grading.memory_mib, and "
                "`lbt regrade` afterwards",
            )
        )
    if stage == "sample":
        found += _one_sided(tally)
    if stage == "examine" and tally.problems >= ENOUGH_PROBLEMS and not tally.pairable:
        found.append(
            (
                "no pair",
                f"examine: of none of {tally.problems} problems a pair can be made so far: no two "
                f"rationales' scores differ by more than preferences.min_gap="
                f"{config.preferences.min_gap:g}; look at it, at exam.problems and "
                "exam.repetitions, and at sampling.temperature",
            )
        )
    return found


def _unusable(stage: str, setting: str, tally: Tally, config: RunConfig) -> list[tuple[str, str]]:
    """Texts that do not end, cannot be run, or hold no answer."""
    limit = getattr(config, setting).max_new_tokens
    if tally.ended("error") >= NEARLY_ALL:
        return [
            (
                f"{stage} errors",
                f"{stage}: {tally.ended('error'):.0%} of {tally.rows:,} prompts could not be run; "
                "look at teacher.max_model_len and at the first rows' finish reasons "
                "(`lbt view`)",
            )
        ]
    if tally.ended("length") >= NEARLY_ALL:
        return [
            (
                f"{stage} cut off",
                f"{stage}: {tally.ended('length'):.0%} of {tally.rows:,} texts were cut off at "
                f"{setting}.max_new_tokens={limit}: the model does not end its answers; raise it, "
                "or look at prompt.chat (card or template), which must be this model's format",
            )
        ]
    if tally.share("unparsable") >= NEARLY_ALL:
        return [
            (
                f"{stage} format",
                f"{stage}: out of {tally.share('unparsable'):.0%} of {tally.rows:,} texts no "
                "answer could be taken: the model does not keep the format; look at some with "
                "`lbt view`, and at prompt.chat, prompt.prefill and prompt.fixed_examples",
            )
        ]
    return []


def _one_sided(tally: Tally) -> list[tuple[str, str]]:
    right = tally.share("correct")
    if 1 - ALL < right < ALL:
        return []
    side, hard = ("right", "easy") if right >= ALL else ("wrong", "hard")
    share = max(right, 1 - right)
    return [
        (
            f"all {side}",
            f"sample: {share:.0%} of {tally.rows:,} rationales are {side}: the problems are too "
            f"{hard} for this teacher to make pairs by correctness; look at corpus, teacher.path "
            "and sampling.temperature",
        )
    ]
