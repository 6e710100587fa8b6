"""The report: one page that holds everything it shows, of the same look and under the same rules as the leaderboard's.

Texts of models and data sets go through the leaderboard's templates' environment: made printable, then escaped. The
page has no script, and its policy allows none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from harness import __version__
from harness.checkup import examples as reading
from harness.checkup import verdicts
from harness.checkup.data import ADD, BESIDE, CheckupPart
from harness.checkup.people import PeopleResult
from harness.checkup.run import STEPS, Checkup
from harness.checkup.verdicts import MetricDetail, MetricResult
from harness.comparison.pairs import Comparison
from harness.errors import InputError
from harness.files import atomic
from harness.html import highlight
from harness.html.environment import TEMPLATES as SHARED
from harness.html.environment import make_environment, make_policy
from harness.html.svg import Scale
from harness.metrics import metric_or_guess
from harness.overfit import loss_plot
from harness.text import numbers
from harness.text.printable import printable

TEMPLATES = Path(__file__).resolve().parent / "templates"
STYLES = (SHARED / "page.css", SHARED / "board.css", TEMPLATES / "report.css")
ABOUT = {
    "codegen": "Programs, executed against tests in a sandbox.",
    "summarization": "Summaries against reference summaries; ROUGE counts shared words, so read some below.",
    "classification": "One label for each text; an answer that cannot be read is wrong.",
    "perplexity": "How well a text is predicted: lower is better, 1 would be certainty.",
    "continuation": "How much of a text's own rest a model writes word for word after its beginning.",
}
COUNTED = dict.fromkeys(
    BESIDE,
    " Here every token counts, those of the prompts too, which training does not optimise: shown beside, no verdict.",
)
NO_MERIT = " These are the texts that it was trained on: a lower perplexity here is no merit, and no verdict."


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part: its numbers and what they stand on. scale: of the intervals, by metric."""

    part: CheckupPart
    about: str
    details: tuple[MetricDetail, ...]
    scales: dict[str, Scale]
    comparison: Comparison
    tests: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisker:
    """A difference as a drawing of width 100 with "no difference" in the middle; better is at the right."""

    low: float
    value: float
    high: float


def render(found: Checkup, people: Sequence[PeopleResult] = ()) -> str:
    """The page. people: what studies say of the two models."""
    style = "".join(path.read_text("utf-8") for path in STYLES)
    environment = make_environment(TEMPLATES, SHARED)
    return environment.get_template("report.html.j2").render(
        policy=make_policy(style),
        style=Markup(style),  # our own files
        scripts=[],
        version=__version__,
        found=found,
        rows=[(line, _whisker(line)) for line in found.lines],
        sections=[_section(part, found.comparisons[part.name]) for part in found.data.parts
                  if part.name in found.comparisons],
        curve=_curve(found),
        examples=found.examples,
        parts=reading.parts(found.examples),
        add=ADD,
        steps=STEPS,
        people=people,
        amount=verdicts.amount,
        size=verdicts.size,
        p_value=numbers.p_value,
        difference=numbers.difference,
        with_interval=numbers.with_interval,
        span=verdicts.span,
        highlighted=lambda text: highlight.python(printable(text)),
    )  # fmt: skip


def write(found: Checkup, folder: Path, people: Sequence[PeopleResult] = ()) -> Path:
    """report.html, replaced at once. Raises InputError where it cannot be written."""
    path = folder / "report.html"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write_whole(path, render(found, people).encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise InputError(f"the report cannot be written to {folder}: {error.strerror}; name another with -o") from error
    return path


def _section(part: CheckupPart, compared: Comparison) -> Section:
    details = tuple(verdicts.details(compared))
    return Section(
        part=part,
        about=ABOUT[part.task] + (NO_MERIT if part.name == verdicts.TRAINED else "") + COUNTED.get(part.name, ""),
        details=details,
        scales={each.metric: _scale(each) for each in details},
        comparison=compared,
        tests={row.metric.name: row.difference.method for row in compared.rows},
    )


def _scale(detail: MetricDetail) -> Scale:
    if detail.share:
        return Scale(low=0.0, high=1.0)
    ends = [each for side in (detail.base, detail.tuned) for each in (side.low, side.high)]
    margin = (max(ends) - min(ends)) * 0.1
    return Scale(low=min(ends) - margin, high=max(ends) + margin)


def _whisker(line: MetricResult) -> Whisker:
    reach = max(abs(line.low), abs(line.high), abs(line.difference)) or 1.0
    better = -1 if metric_or_guess(line.metric, ()).lower_is_better else 1
    low, value, high = sorted(
        round(50 + better * 48 * each / reach, 2) for each in (line.low, line.difference, line.high)
    )
    return Whisker(low=low, value=value, high=high)


def _curve(found: Checkup) -> Markup | None:
    """The drawing of the training curve: numbers and our own words only."""
    if not found.memorization.points:
        return None
    try:
        return Markup(loss_plot.draw(found.memorization.points, found.memorization.turn))
    except ValueError:  # no finite loss
        return None
