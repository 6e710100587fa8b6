"""What every language must do, in every backend. The expected verdict stands beside each program.

Each image is made once, in ten seconds to a minute. In every run of the suite the family `native` is tested whole; of
each other language one program is judged, and the rest is for `make test-all`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import sandbox
from harness.tasks import codegen
from harness.types import Completion, Form
from sandbox import Limits, Pool, Program, ProgramTests, StdioCase, StdioTests, Verdict, languages
from sandbox.types import LANGUAGES
from tests.fixtures import replies
from tests.fixtures.language_programs import ENDS, KINDS, SUMS
from tests.fixtures.processes import busy
from tests.fixtures.sandboxes import own_uids
from tests.fixtures.tested_programs import TESTED

LIMITS = Limits(cpu_s=1.0, wall_s=3.0, memory_bytes=128 * 2**20, output_bytes=100_000)
QUICK = ("native",)  # families that are tested whole in every run of the suite
LONG = ("test_tests_in_its_language_accept_what_is_right_and_nobody_who_leaves_early", "cpp")  # C's are there too
BUSY = "test_a_program_ends_as_it_must_on_a_busy_machine"  # for `make test-all`, of every language
SMOKE = "test_each_case_is_judged_and_the_first_wrong_one_ends_them"  # in every run, of every language
ADD = StdioTests(cases=tuple(StdioCase(stdin=f"{i} {i + 1}\n", stdout=f"{2 * i + 1}\n") for i in range(3)))


def _marked(test: str, name: str, *values: object) -> object:
    slow = test == BUSY or (languages.find(name).family not in QUICK and test != SMOKE) or (test, name) == LONG
    return pytest.param(name, *values, marks=[pytest.mark.slow] if slow else [], id="-".join([name, *map(str, values)]))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test of `language` runs for each, in the order of their families; one of `end` for each of its programs."""
    names = sorted(SUMS, key=lambda name: (languages.find(name).family, name))
    test = metafunc.function.__name__
    if "end" in metafunc.fixturenames:
        metafunc.parametrize(("language", "end"), [_marked(test, name, end) for name in names for end in ENDS[name]])
    elif "language" in metafunc.fixturenames and metafunc.cls is not TestNative:
        metafunc.parametrize("language", [_marked(test, name) for name in names])


@pytest.fixture(scope="session")
def pools(backend: str) -> Iterator[dict[str, Pool]]:
    """An open pool of one worker for each family that was asked for."""
    opened: dict[str, Pool] = {}
    yield opened
    for pool in opened.values():
        pool.close()


@pytest.fixture
def pool(backend: str, pools: dict[str, Pool], language: str) -> Pool:
    """A pool of the language's family; consecutive programs share its one worker."""
    family = languages.find(language).family
    if family not in pools:
        sandbox.prepare(backend, language=language)
        pools[family] = sandbox.open(backend, workers=1, ceiling=LIMITS, language=language)
    return pools[family]


def test_a_program_ends_as_it_must_and_leaves_nothing_to_the_next(pool: Pool, language: str, end: str) -> None:
    _ends_as_it_must(pool, language, end)


def test_a_program_ends_as_it_must_on_a_busy_machine(pool: Pool, language: str, end: str) -> None:
    with busy():
        _ends_as_it_must(pool, language, end)


def _ends_as_it_must(pool: Pool, language: str, end: str) -> None:
    """With a right and a wrong program after it, on the same sandbox."""
    source, verdict = ENDS[language][end]
    execution = pool.run(Program(source=source, language=language), limits=LIMITS)
    assert execution.verdict is verdict and not execution.refused, execution
    right, wrong = SUMS[language]
    accepted = pool.run(Program(source=right, language=language), ADD, LIMITS)
    assert accepted.verdict is Verdict.ACCEPTED and not accepted.refused, accepted
    assert pool.run(Program(source=wrong, language=language), ADD, LIMITS).verdict is Verdict.WRONG_ANSWER


def test_each_case_is_judged_and_the_first_wrong_one_ends_them(pool: Pool, language: str) -> None:
    cases = (*ADD.cases[:1], StdioCase(stdin="1 1\n", stdout="3\n"), *ADD.cases[1:])
    execution = pool.run(Program(source=SUMS[language][0], language=language), StdioTests(cases=cases), LIMITS)
    assert execution.cases == (Verdict.ACCEPTED, Verdict.WRONG_ANSWER)
    assert execution.detail.startswith("case 2: ")
    assert execution.integrity is sandbox.Integrity.JUDGED


def test_a_compile_error_has_the_first_lines_of_the_compiler(pool: Pool, language: str) -> None:
    broken = [source for source, verdict in ENDS[language].values() if verdict is Verdict.COMPILE_ERROR]
    assert bool(broken) == bool(languages.find(language).compile)
    if not broken:
        return  # nothing is compiled or checked before it runs
    (source, *_) = broken
    execution = pool.run(Program(source=source, language=language), ADD, LIMITS)
    assert execution.verdict is Verdict.COMPILE_ERROR and execution.cases == ()
    assert "main." in execution.detail.lower() and "\n" not in execution.detail
    assert execution.exit_code not in (0, None)


def test_a_program_says_nothing_that_it_was_not_told_to(pool: Pool, language: str) -> None:
    execution = pool.run(Program(source=SUMS[language][0], language=language, stdin="3 4\n"), limits=LIMITS)
    assert (execution.stdout, execution.stderr) == ("7\n", "")


def test_a_sandbox_of_one_family_refuses_programs_of_another(pool: Pool, language: str) -> None:
    with pytest.raises(ValueError, match="open one with language='python'"):
        pool.run(Program(source="print(1)"))


def test_the_label_names_the_languages_and_their_versions(pool: Pool, language: str) -> None:
    label = sandbox.environment_label(pool.backend, language)
    assert f"{language}{''.join(char for char in label.partition(language)[2][:1] if char.isdigit())}" in label
    assert len(label.split("+")) == len(languages.of_family(pool.family)) + 1
    assert sandbox.image_bytes(pool.backend, language) > 10**7


TEST_LIMITS = Limits(cpu_s=5.0, wall_s=15.0, memory_bytes=256 * 2**20, output_bytes=100_000)
WITHOUT_MAIN = ("go", "rust")  # the program and its tests are a program only for the compiler's own test harness


@pytest.fixture
def tested_pool(backend: str, pools: dict[str, Pool], language: str) -> Pool:
    """As `pool`, with room for a runtime, a program and its tests."""
    family = f"{languages.find(language).family} with tests"
    if family not in pools:
        sandbox.prepare(backend, language=language)
        pools[family] = sandbox.open(backend, workers=1, ceiling=TEST_LIMITS, language=language)
    return pools[family]


def test_tests_in_its_language_accept_what_is_right_and_nobody_who_leaves_early(
    tested_pool: Pool, language: str
) -> None:
    found = TESTED[language]
    tests = ProgramTests(source=found.tests)

    def run(source: str) -> sandbox.Execution:
        return tested_pool.run(Program(source=source, language=language), tests, TEST_LIMITS)

    right, wrong = run(found.right), run(found.wrong)
    assert right.verdict is Verdict.ACCEPTED and right.integrity is sandbox.Integrity.IN_SANDBOX, right
    assert wrong.verdict in (Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR), wrong
    for name, source in found.leaving.items():
        left = run(source)
        assert left.verdict in (Verdict.RUNTIME_ERROR, Verdict.WRONG_ANSWER), (name, left)  # as it says that one failed
        assert "ended before its tests did" in left.detail, (name, left)
        if language not in WITHOUT_MAIN:  # what looks at nothing but the exit code accepts it
            naive = tested_pool.run(Program(source=tests.text(source), language=language), limits=TEST_LIMITS)
            assert naive.verdict is Verdict.ACCEPTED, (name, naive)


def test_a_program_that_takes_the_tests_out_of_the_text_is_refused(tested_pool: Pool, language: str) -> None:
    tests = ProgramTests(source=TESTED[language].tests)
    for name, source in TESTED[language].hiding.items():
        hidden = tested_pool.run(Program(source=source, language=language), tests, TEST_LIMITS)
        assert hidden.verdict in (Verdict.COMPILE_ERROR, Verdict.RUNTIME_ERROR, Verdict.WRONG_ANSWER), (name, hidden)


def test_twenty_ways_of_writing_an_answer_down_are_read_as_one_program_each(tested_pool: Pool, language: str) -> None:
    asked = replies.problem(language)
    programs: dict[str, str] = {}  # source -> the first reply that it was read from
    for name, text in replies.replies(language).items():
        completion = Completion(problem_id=asked.id, index=0, text=text, form=Form.CHAT)
        programs.setdefault(codegen.program(asked, completion).source, name)
    for source, name in programs.items():
        execution = tested_pool.run(Program(source=source, language=language), asked.tests, TEST_LIMITS)
        assert execution.verdict is Verdict.ACCEPTED, (name, source, execution)


class TestNative:
    """What only programs can do that were compiled, and what compilers can be asked."""

    @pytest.fixture
    def language(self) -> str:
        return "cpp"

    def test_each_case_has_a_user_of_its_own_and_an_empty_directory(self, pool: Pool, backend: str) -> None:
        source = (
            "#include <bits/stdc++.h>\n#include <unistd.h>\nint main() { std::cout << getuid() << ' ' << "
            'std::distance(std::filesystem::directory_iterator("."), {}); std::ofstream("left") << 1;\n'
            'std::ofstream("/dev/shm/left") << 1; std::cout << access("/dev/shm/left2", F_OK); }'
        )
        compare = StdioTests(cases=(StdioCase(stdin="", stdout="0"),) * 2)
        seen = []
        for _ in range(2):
            execution = pool.run(Program(source=source, language="cpp"), compare, LIMITS)
            seen.append(execution.stdout.split())
        if own_uids(backend):
            assert seen[0][0] != seen[1][0]
        assert all(files == "1-1" for _, files in seen)  # its source text, and nothing of an earlier one

    def test_a_compiler_reads_no_standard_input_and_no_arguments(self, pool: Pool) -> None:
        source = (
            '#include <cstdio>\nint main(int c, char **v) { char s[9]; scanf("%8s", s); printf("%s %s", s, v[1]); }'
        )
        program = Program(source=source, language="cpp", argv=("-fno-such-option",), stdin="in")
        assert pool.run(program, limits=LIMITS).stdout == "in -fno-such-option"

    def test_files_of_a_program_are_there_for_the_compiler_and_for_the_program(self, pool: Pool) -> None:
        program = Program(
            source='#include <bits/stdc++.h>\n#include "lib/one.h"\nint main() { std::ifstream f("two"); std::cout << ONE << f.rdbuf(); }',
            language="cpp",
            files={"lib/one.h": b"#define ONE 1\n", "two": b"2"},
        )
        assert pool.run(program, limits=LIMITS).stdout == "12"

    def test_equal_texts_are_compiled_once_and_what_is_kept_of_others_is_closed(self, pool: Pool, backend: str) -> None:
        source = (
            '#include <bits/stdc++.h>\n#include <sys/stat.h>\nint main() { struct stat s; stat("/proc/self/exe", &s);\n'
            'std::cout << s.st_ino; std::error_code c; for (auto &e : std::filesystem::directory_iterator("/build/kept", c))'
            " std::cout << e.path(); }"
        )
        first, other, again = (
            pool.run(Program(source=text, language="cpp"), limits=LIMITS).stdout
            for text in (source, source + "\n", source)
        )
        assert first.isdigit() and other.isdigit() and first != other
        if own_uids(backend):
            assert again == first

    def test_a_program_has_no_channel_to_its_judge(self, pool: Pool) -> None:
        source = (
            "#include <bits/stdc++.h>\n#include <unistd.h>\nint main() {\n"
            '  for (int fd = 3; fd < 256; fd++) if (write(fd, "{}", 2) == 2) std::cout << fd; }'
        )
        assert pool.run(Program(source=source, language="cpp"), limits=LIMITS).stdout == ""

    def test_a_broken_pipe_ends_a_program_as_it_does_elsewhere(self, pool: Pool) -> None:
        source = "#include <bits/stdc++.h>\n#include <unistd.h>\nint main() { int p[2]; pipe(p); close(p[0]); write(p[1], p, 1); }"
        execution = pool.run(Program(source=source, language="cpp"), limits=LIMITS)
        assert execution.detail == "killed by signal 13 (SIGPIPE)"


def test_every_language_has_programs_with_the_verdicts_that_they_must_have() -> None:
    assert set(SUMS) == set(ENDS) == set(TESTED) == {name for name in LANGUAGES if languages.find(name).run}
    for language, ends in ENDS.items():
        for kind, verdicts in KINDS.items():
            assert ends[kind][1] in verdicts, (language, kind)


@pytest.mark.parametrize("name", LANGUAGES)
def test_a_languages_own_names_lead_to_it_and_to_no_other(name: str) -> None:
    for each in (name, *languages.aliases(name)):
        assert languages.resolve(each.upper()) == name
    for suffix in languages.find(name).suffixes:
        assert languages.of_suffix(suffix) == languages.written_in(name)


def test_an_unknown_language_is_named_with_those_that_are_near() -> None:
    with pytest.raises(ValueError, match="unknown language 'rubby'; did you mean ruby"):
        languages.resolve("rubby")
