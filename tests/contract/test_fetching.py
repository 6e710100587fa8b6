"""Files that a program left are given back: regular ones, through no link, within their room."""

from __future__ import annotations

import pytest

from sandbox import Limits, Pool, Program, StdioCase, StdioTests, Verdict

LEAVES = """
import os
os.mkdir("out")
open("out/table.csv", "wb").write(b"a,b\\n\\x00\\xff")
open("empty", "w").close()
open("secret", "w").write("x"); os.chmod("secret", 0o000)
os.symlink("/etc/passwd", "link")
os.symlink("out", "folder")
os.mkfifo("pipe")
open("large", "wb").truncate(17 * 2**20)
"""


def test_regular_files_come_back_byte_for_byte(box: Pool) -> None:
    execution = box.run(Program(source=LEAVES, fetch=("out/table.csv", "empty", "nowhere")))
    assert execution.verdict is Verdict.ACCEPTED, execution
    assert execution.files == {"out/table.csv": b"a,b\n\x00\xff", "empty": b""}


@pytest.mark.parametrize("name", ["link", "folder/table.csv", "pipe", "out", "large"])
def test_links_pipes_folders_and_what_is_too_large_do_not(box: Pool, name: str) -> None:
    execution = box.run(Program(source=LEAVES, fetch=(name,)))
    assert execution.verdict is Verdict.ACCEPTED, execution
    assert execution.files == {}


def test_the_next_program_finds_nothing_of_them(box: Pool) -> None:
    first = box.run(Program(source="open('kept', 'w').write('a' * 100_000)", fetch=("kept",)))
    assert len(first.files["kept"]) == 100_000
    after = box.run(Program(source="import os; print(os.listdir('.'))", fetch=("kept",)))
    assert after.stdout == "['main.py']\n" and after.files == {} and after.worker == first.worker


def test_a_program_that_is_ended_at_a_limit_still_gives_its_files(box: Pool) -> None:
    limits = Limits(cpu_s=0.5, wall_s=1)
    execution = box.run(Program(source="open('a', 'w').write('b'); \nwhile True: pass", fetch=("a",)), limits=limits)
    assert execution.verdict is Verdict.TIME_LIMIT
    assert execution.files == {"a": b"b"}


def test_a_program_with_one_case_is_judged_and_gives_its_files(box: Pool) -> None:
    tests = StdioTests(cases=(StdioCase(stdin="", stdout="1"),))
    execution = box.run(Program(source="open('a', 'w').write('b'); print(1)", fetch=("a",)), tests)
    assert execution.verdict is Verdict.ACCEPTED and execution.files == {"a": b"b"}


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "a/../../b"])
def test_a_path_outside_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="relative and stay inside"):
        Program(source="", fetch=(name,))
