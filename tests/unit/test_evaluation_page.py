"""The page of an evaluation: well formed, complete, escaped, and true to its numbers."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from synthetic_table import synthetic_table

from dart_stream.evaluation.breakdown import ClassRow, DifficultyBin
from dart_stream.evaluation.document import Estimator, Evaluation, ExitRow, FrontierRow, FullDepth
from dart_stream.evaluation.evaluate import (
    BUDGETS,
    difficulty_auroc,
    frontier_on,
    measure_methods,
    take_apart,
)
from dart_stream.evaluation.halvings import compare_on_halves
from dart_stream.evaluation.page import evaluation_page
from dart_stream.evaluation.page.difficulty_section import exits_by_difficulty
from dart_stream.evaluation.page.interval_plot import common_scale, interval_plot
from dart_stream.evaluation.page.scale import Scale
from dart_stream.evaluation.page.wording import interval, milliseconds, percent, points
from dart_stream.evaluation.paired import Difference
from dart_stream.methods import METHODS

VOID = {"meta"}
BY_HALF = "At {} of the full network's multiply-accumulates, dart is right on"


class Page(HTMLParser):
    """Fails on tags that do not match; collects words and rows of tables."""

    def __init__(self, html):
        super().__init__()
        self.open, self.words, self.rows, self.tags = [], [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" in self.open:
            return
        self.words.append(data)
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def make_evaluation(exits=3, classes=5, methods=tuple(METHODS), timed=True):
    validation = synthetic_table(300, exits, seed=0, classes=classes)
    test = synthetic_table(400, exits, seed=1, classes=classes)
    measured = measure_methods(validation, test, validation.macs, methods)
    shown = next((m for m in measured if (m.row.name, m.row.budget) == ("dart", 0.5)), None)
    rows = [
        replace(m.row, time_ms=1.5 * m.row.macs_fraction, speedup=1 / m.row.macs_fraction)
        if timed and m.row.name not in {"oracle", "random"}
        else m.row
        for m in measured
    ]
    return Evaluation(
        command="dart-stream evaluate --model m --data d",
        model="small",
        dataset="synthetic",
        split="test",
        n=len(test),
        chosen_on="validation",
        chosen_n=len(validation),
        classes=list(test.classes),
        device="cpu",
        host={"cores": 2},
        precision="fp32",
        threads=1,
        torch="2.9",
        batch=16,
        full_depth=FullDepth(
            accuracy=float(test.correct[:, -1].mean()),
            macs=4.2e6,
            time_ms=1.5 if timed else None,
        ),
        exits=[
            ExitRow(accuracy=float(right), macs_share=float(cost) / test.macs.plain())
            for right, cost in zip(test.correct.mean(0), test.macs.up_to_exit(), strict=True)
        ],
        estimator=Estimator(
            flops=12_345, time_us=9.5 if timed else None, auroc_error=list(difficulty_auroc(test))
        ),
        methods=[row for row in rows if row.name != "oracle"],
        oracle=next((row for row in rows if row.name == "oracle"), None),
        frontier=[
            FrontierRow(
                cost_share=point.cost / validation.macs.plain(),
                accuracy=point.accuracy,
                disagreement=point.disagreement,
            )
            for point in frontier_on(validation)[::10]
        ],
        breakdown=None if shown is None else take_apart(shown.fitted, test),
        halvings=compare_on_halves(validation, test, BUDGETS, [0, 1]) if shown else None,
    )


@pytest.fixture(scope="module")
def evaluation():
    return make_evaluation()


@pytest.fixture(scope="module")
def html(evaluation):
    return evaluation_page(evaluation)


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def drawings(html):
    return [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL)]


def row_of(page, method, setting):
    return next(row for row in page.rows if row[0] == method and row[-1] == setting)


def test_the_page_is_well_formed_and_so_is_every_drawing(html, page, evaluation):
    found = drawings(html)
    rows = len(evaluation.methods) + 1
    reliability = len(evaluation.breakdown.reliability)
    rivals = len(evaluation.halvings.over_budgets)
    assert len(found) == 2 + rows + rivals + 1 + reliability
    assert {drawing.get("role") for drawing in found} == {"img"}
    assert all(drawing.get("aria-label") for drawing in found)


def test_the_page_needs_nothing_beside_itself(html, page):
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "use"}
    assert not any({"src", "href", "onclick"} & attrs.keys() for _, attrs in page.tags)
    assert "@import" not in html
    assert "//" not in re.sub(r"</?", "", html)  # no address of anything


def test_places_in_drawings_are_finite_numbers(html):
    for drawing in drawings(html):
        for element in drawing.iter():
            for name in ("x", "y", "cx", "cy", "points", "width", "height"):
                for number in re.split(r"[ ,]", element.get(name, "0")):
                    assert abs(float(number)) < 10_000


def test_every_method_is_in_a_table_and_in_the_legend_of_a_chart(page, html, evaluation):
    charted = {text.text for text in drawings(html)[0].iter("text")}
    for name in {row.name for row in evaluation.methods}:
        assert any(row[0] == name for row in page.rows)
        assert name in charted or name in {"static", "single"}
    assert "single exits" in charted
    assert any(text.startswith("oracle") for text in charted if text)


def test_every_budget_has_its_rows(page, evaluation):
    headings = [row[0] for row in page.rows if len(row) == 1]
    for budget in BUDGETS:
        share = f"{100 * budget:g}\N{NARROW NO-BREAK SPACE}%"
        assert any(heading.startswith(f"chosen for {share} ") for heading in headings)
    listed = [row for row in page.rows if row[0] in METHODS and len(row) > 7]
    assert len(listed) == len(evaluation.methods) + 1


def test_numbers_in_the_tables_are_those_of_the_data(page, evaluation):
    for row in evaluation.methods:
        shown = row_of(page, row.name, row.setting)
        assert shown[1] == percent(row.accuracy, 2)
        assert shown[2] == points(row.exit_gap)
        assert shown[4] == interval(row.exit_gap_ci95)
        assert shown[5] == percent(row.macs_fraction)
        assert shown[6] == ("\N{EM DASH}" if row.time_ms is None else milliseconds(row.time_ms))
        assert shown[7] == percent(row.disagreement, 2)


def test_the_best_accuracy_of_each_budget_is_bold(html, evaluation):
    best = {
        budget: max(r.accuracy for r in evaluation.methods if r.budget == budget)
        for budget in BUDGETS
    }
    for accuracy in best.values():
        assert f"<strong>{percent(accuracy, 2)}</strong>" in html


def test_the_headline_gives_the_result_at_half_the_compute(page, evaluation):
    ours = next(r for r in evaluation.methods if (r.name, r.budget) == ("dart", 0.5))
    words = " ".join(
        f"{BY_HALF.format(percent(ours.macs_fraction))} {percent(ours.accuracy)} of 400 pictures; "
        f"the full network on {percent(evaluation.full_depth.accuracy)}.".split()
    )
    assert words in page.text


def test_marks_lie_where_their_numbers_say(html, evaluation):
    chart = drawings(html)[0]
    marks = {
        group.find("title").text: group.find("circle")
        for group in chart.iter("g")
        if group.find("title") is not None and group.find("circle") is not None
    }
    ours = sorted(
        (r for r in evaluation.methods if r.name == "dart"), key=lambda r: r.macs_fraction
    )
    circles = [
        next(mark for words, mark in marks.items() if words.startswith(f"dart, {row.setting}:"))
        for row in ours
    ]
    x = [float(circle.get("cx")) for circle in circles]
    y = [float(circle.get("cy")) for circle in circles]
    share = [row.macs_fraction for row in ours]
    accuracy = [row.accuracy for row in ours]
    for k in range(1, len(ours) - 1):
        along = (x[k] - x[0]) / (x[-1] - x[0])
        assert along == pytest.approx((share[k] - share[0]) / (share[-1] - share[0]), abs=1e-2)
        up = (y[k] - y[0]) / (y[-1] - y[0])
        assert up == pytest.approx(
            (accuracy[k] - accuracy[0]) / (accuracy[-1] - accuracy[0]), abs=1e-2
        )


def test_rivals_that_are_ahead_stay_in_and_are_marked(evaluation):
    name = next(iter(evaluation.halvings.over_budgets))
    lost = evaluation.halvings.over_budgets | {name: Difference(-0.02, (-0.03, -0.01))}
    page = Page(
        evaluation_page(
            replace(evaluation, halvings=replace(evaluation.halvings, over_budgets=lost))
        )
    )
    shown = next(row for row in page.rows if row[0] == name and "behind" in row[1])
    assert shown[1].startswith(points(-0.02))
    assert interval((-0.03, -0.01)) in shown[1]
    assert f"less accurate than {name}" in page.text


def test_all_text_from_data_is_escaped(evaluation):
    evil = "<script>alert('x')</script>\"&"
    row = evaluation.breakdown.by_class[0]
    hurt = replace(
        evaluation,
        command=evil,
        model=evil,
        dataset=evil,
        split=evil,
        chosen_on=evil,
        device=evil,
        host={evil: evil},
        precision=evil,
        torch=evil,
        methods=[replace(evaluation.methods[-1], name=evil, setting=evil), *evaluation.methods],
        breakdown=replace(evaluation.breakdown, setting=evil, by_class=[replace(row, name=evil)]),
    )
    html = evaluation_page(hurt)
    assert "<script" not in html
    page = Page(html)
    assert page.text.count("alert('x')") >= 12
    assert any(row[0] == evil for row in page.rows)
    assert drawings(html)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ({"halvings": None}, "was not repeated on halves"),
        ({"breakdown": None}, "No setting was taken apart."),
        ({"oracle": None}, "Accuracy and compute"),
        ({"frontier": []}, "Accuracy and compute"),
        ({"methods": []}, "No method that exits early was compared."),
        ({"host": {}}, "not stated"),
    ],
)
def test_what_is_missing_is_left_out(evaluation, missing, words):
    html = evaluation_page(replace(evaluation, **missing))
    assert words in Page(html).text
    assert drawings(html)


def test_times_that_were_not_measured_are_said_to_be_missing():
    page = Page(evaluation_page(make_evaluation(methods=("static", "shared", "dart"), timed=False)))
    assert "Times were not measured." in page.text
    assert "time not measured" in page.text
    assert row_of(page, "static", "full depth")[6] == "\N{EM DASH}"


def test_daes_is_a_column_only_where_it_was_measured(evaluation):
    def has_column(each):
        return any("DAES" in row for row in Page(evaluation_page(each)).rows)

    measured = [replace(row, energy_j=0.5, daes=1.25) for row in evaluation.methods]
    assert not has_column(evaluation)
    assert has_column(replace(evaluation, methods=measured))


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "energynot measured"),
        ({"energy_proxy": "time"}, "not measured; time stands for it in DAES"),
        ({"energy_source": "RAPL"}, "0.25 J a picture of the full network, by RAPL"),
    ],
)
def test_the_page_says_where_joules_come_from(evaluation, known, words):
    joules = 0.25 if "energy_source" in known else None
    full = replace(evaluation.full_depth, energy_j=joules)
    assert words in Page(evaluation_page(replace(evaluation, full_depth=full, **known))).text


def test_one_early_exit_is_enough():
    page = Page(evaluation_page(make_evaluation(exits=2, methods=("static", "single", "dart"))))
    assert any(row[0] == "exit 1" for row in page.rows)


def test_a_hundred_classes_and_a_long_name_have_their_rows(evaluation):
    names = [*(f"class {k}" for k in range(99)), "long" * 60]
    rows = [
        ClassRow(
            name=name, n=3, accuracy=0.5, full_accuracy=1, disagreement=0, average_exit_depth=0.4
        )
        for name in names
    ]
    each = replace(evaluation, breakdown=replace(evaluation.breakdown, by_class=rows))
    assert set(names) <= {row[0] for row in Page(evaluation_page(each)).rows}


def test_a_range_of_difficulty_without_pictures_says_so():
    empty = DifficultyBin(lower=0, upper=0.3, n=0, exits=None, accuracy=None, full_accuracy=None)
    assert "no pictures" in exits_by_difficulty([empty])


def test_parts_of_a_bar_are_as_wide_as_their_shares():
    each = DifficultyBin(lower=0, upper=1, n=8, exits=[0.25, 0, 0.75], accuracy=1, full_accuracy=1)
    drawing = ET.fromstring(exits_by_difficulty([each]))
    widths = [float(g.find("rect").get("width")) for g in drawing.iter("g")]
    assert widths[1] == pytest.approx(3 * widths[0])


def test_an_interval_beyond_the_scale_becomes_an_arrow():
    scale = common_scale([(-0.01, 0.02)])
    assert "circle" in interval_plot(0.01, (0.0, 0.02), scale, "even")
    assert "circle" not in interval_plot(0.3, (0.2, 0.4), scale, "even")


@pytest.mark.parametrize(
    ("low", "high", "about", "expected"),
    [
        (0, 100, 4, [0, 50, 100]),
        (91.7, 98.1, 7, [92, 93, 94, 95, 96, 97, 98]),
        (0.31, 1.04, 7, [0.4, 0.6, 0.8, 1.0]),
    ],
)
def test_ticks_are_round(low, high, about, expected):
    assert Scale(low, high, 0, 1).ticks(about) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (points(0.0024), "+0.24"),
        (points(-0.0024), "\N{MINUS SIGN}0.24"),
        (points(-0.00001), "0.00"),
        (percent(0.9014), "90.1\N{NARROW NO-BREAK SPACE}%"),
        (milliseconds(0.1234), "0.123\N{NARROW NO-BREAK SPACE}ms"),
        (milliseconds(1234.5), "1,234\N{NARROW NO-BREAK SPACE}ms"),
    ],
)
def test_numbers_are_written_as_they_are_read(written, expected):
    assert written == expected
