"""A person at a terminal sees what is done before the first bar, and that something moves beside the last one."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from harness.cli.commands import checkup
from harness.cli.display import meter, run
from harness.cli.display.console import PrintableConsole


def shown(*, quiet: bool = False) -> tuple[str, str]:
    """What is written before the first bar, and after."""
    file = io.StringIO()
    with mock.patch.dict("os.environ", {"TERM": "xterm", "COLUMNS": "100"}):
        console = PrintableConsole()
        console.file, console._force_terminal, console.is_interactive = file, True, True
        changed = mock.patch.object(run, "err", console), mock.patch.object(meter, "AFTER_S", 0.0)
        with changed[0], changed[1], meter.Meter(quiet=quiet, words="loading the model") as progress:
            end = time.monotonic() + 5
            while not quiet and "loading" not in file.getvalue() and time.monotonic() < end:
                time.sleep(0.02)
            before = len(file.getvalue())
            progress("pictures", 3, 3)
            progress._progress.refresh()
    text = file.getvalue()
    return tuple(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", part) for part in (text[:before], text[before:]))  # type: ignore[return-value]


def test_a_spinner_says_what_is_done_before_the_first_bar() -> None:
    before, after = shown()
    assert "loading the model" in before and "pictures" not in before
    assert "loading the model" not in after.split("pictures", 1)[1]


def test_something_turns_beside_the_bar_of_what_is_done_now_and_stops_at_the_end() -> None:
    lines = [line for line in re.split(r"[\r\n]", shown()[1]) if "pictures" in line]
    assert lines[0][0] in "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏" and lines[-1][0] == " "


def test_nothing_is_shown_where_json_is_printed() -> None:
    assert shown(quiet=True) == ("", "")


def test_a_run_within_a_checkup_has_no_words_above_its_bars(tmp_path: Path) -> None:
    meters: list[meter.Meter] = []

    def checked(asked: object, displays: Callable[[], object], progress: meter.Meter) -> object:
        meters.append(progress)
        with mock.patch.object(progress, "_before", mock.Mock()) as words:
            displays()
            words.stop.assert_called_once_with()
            assert progress._before is None
        raise KeyboardInterrupt

    with mock.patch.object(checkup.run, "run_checkup", checked), pytest.raises(KeyboardInterrupt):
        checkup._check(mock.Mock(), tmp_path, [], as_json=False)
    assert len(meters) == 1
