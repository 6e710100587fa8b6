"""Voting in the terminal: the same tasks, sides and checks as on the page."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from rich.columns import Columns
from rich.panel import Panel
from rich.text import Text

from harness.cli.display import run as display
from harness.errors import InputError

if TYPE_CHECKING:
    from harness.review.assignments import TaskAssigner
    from harness.review.study import Study
    from harness.review.votes import Lease

KEYS = {"a": "first", "b": "second", "t": "tie", "x": "bad"}


def vote_here(study: Study, judge: str) -> None:
    """Ask until nothing is left, or the judge quits. Each vote is on the disk before the next is asked."""
    from harness.review.assignments import TaskAssigner
    from harness.review.study import AB

    if study.kind != AB:
        raise InputError("the terminal takes votes on pairs; rate on the page (harness review serve) or in the sheet")
    study.judge(judge)
    desk = TaskAssigner(study)
    try:
        desk.votes.check_open()
        display.out.print(display.printable(study.design.guidelines), markup=False)
        _loop(desk, judge)
    finally:
        desk.close()


def _loop(desk: TaskAssigner, judge: str) -> None:
    past: list[Lease] = []
    again: Lease | None = None
    while True:
        found = [again] if again else desk.next(judge, 1)
        if not found:
            display.out.print("That was the last one. Thank you.")
            return
        lease, again = found[0], None
        shown_at = time.time()
        _show(desk, judge, lease)
        key = _ask(both_bad=desk.study.design.both_bad)
        if key == "q":
            display.out.print("Your votes are kept; the same command goes on.")
            return
        if key == "z":
            again = past.pop() if past else lease
            continue
        desk.vote(_vote(lease, KEYS[key], shown_at))
        past.append(lease)


def _vote(lease: Lease, choice: str, shown_at: float) -> Any:
    from harness.review.votes import Vote

    return Vote(
        client_id=f"terminal-{secrets.token_hex(16)}", judge=lease.judge, item=lease.item, task=lease.task,
        order=lease.order, choice=choice, check=lease.check, shown_at=shown_at, answered_at=time.time(),
        served_by="terminal",
    )  # fmt: skip


def _show(desk: TaskAssigner, judge: str, lease: Lease) -> None:
    item, answers = desk.item(lease)
    title = f"{desk.done(judge) + 1} of {max(desk.total(judge), desk.done(judge) + 1)}"
    display.out.rule(title)
    display.out.print(Panel(Text(display.printable(item.prompt)), title="task"))
    if item.expected and desk.study.design.show_expected:
        display.out.print(Panel(Text(display.printable(item.expected)), title="expected"))
    wide = display.out.width >= 100
    panels = [
        Panel(
            Text(display.printable(answer.text or "(a picture)" if answer.image else answer.text or "(no answer)")),
            title=name,
        )
        for name, answer in zip("AB", answers, strict=True)
    ]
    display.out.print(Columns(panels, equal=True, expand=True, width=display.out.width // 2 - 2) if wide else panels[0])
    if not wide:
        display.out.print(panels[1])


def _ask(*, both_bad: bool) -> str:
    keys = "a b t x z q" if both_bad else "a b t z q"
    words = "a, b: better; t: tie; " + ("x: both bad; " if both_bad else "") + "z: back; q: stop"
    while True:
        try:
            said = display.out.input(f"{words} > ").strip().lower()
        except (EOFError, KeyboardInterrupt):
            return "q"
        if said in keys.split():
            return said
        display.out.print(f"one of: {keys}")
