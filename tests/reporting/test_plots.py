"""The figures as files: SVG that can stand in a page, PNG that others can show."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lbt_core.reporting import plots
from lbt_core.reporting.drawing import png, svg
from lbt_core.reporting.gallery import gallery, save_pngs
from lbt_core.reporting.inputs import ReportInputs

SVG = "{http://www.w3.org/2000/svg}"


def test_run_has_all_figures(run: ReportInputs) -> None:
    names = [picture.name for picture in gallery(run)]
    assert names == [
        "pass1", "pass1-topics", "pass1-luck", "verdicts", "lbt", "lbt-gap", "exam-accuracy",
        "pair-gaps", "loss", "reward-accuracy", "reward-margin", "logps", "kl", "format-rate",
        "validation-pass",
        "corpus-topic", "corpus-kind", "corpus-question-length", "corpus-answer-length",
        "rationale-length", "right-share", "stages",
    ]  # fmt: skip


def test_axes_are_labelled(run: ReportInputs) -> None:
    for picture in gallery(run):
        assert all(axes.get_xlabel() for axes in picture.figure.axes), picture.name


def test_empty_run_has_no_figures() -> None:
    assert gallery(ReportInputs(run="empty")) == []


def test_pngs_are_written_by_name(run: ReportInputs, tmp_path: Path) -> None:
    only = replace(ReportInputs(run="x"), timings=run.timings)
    (path,) = save_pngs(only, tmp_path / "figures").values()
    assert path.name == "stages.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def test_svg_carries_its_description_and_follows_the_page(run: ReportInputs) -> None:
    figure = plots.stage_seconds(run.timings)
    assert figure is not None
    text = svg(figure, "one", "seconds < minutes & more")
    root = ElementTree.fromstring(text)
    assert root[0].tag == f"{SVG}title"
    assert root[0].text == "seconds < minutes & more"
    assert "currentColor" in text
    assert all(e.get("id", "one-").startswith("one-") for e in root.iter())


@pytest.mark.parametrize("name", ["$\\frac{", "a\x00b\u202e", "<b>&amp;", "x" * 500, "解"])
def test_any_text_can_be_a_label(run: ReportInputs, name: str) -> None:
    problems = [replace(p, topic=name) for p in run.problems]
    figure = plots.problem_counts(problems, "topic", "problems")
    assert figure is not None
    assert plots.short(name) in "".join(ElementTree.fromstring(svg(figure, "a", name)).itertext())
    assert png(figure).startswith(b"\x89PNG")


def test_same_rows_give_the_same_picture(run: ReportInputs) -> None:
    def draw() -> str:
        figure = plots.lbt_by_correctness(run.scores)
        assert figure is not None
        return svg(figure, "lbt", "")

    assert draw() == draw()
