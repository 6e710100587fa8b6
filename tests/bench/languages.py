"""Programs in other languages: our pool beside compiling and running by subprocess for each case, as services do.

    python -m tests.bench.languages [--languages cpp,java] [--rounds 5] [--backend docker]

The other way takes a program and one case in a call: in a fresh directory the plain command of the language (`g++ -O2`,
`javac`, `go build`, `rustc -O`, `tsc`), then the program, each by a subprocess in bubblewrap over the same packages,
without our options, precompiled header, archives or kept compilers. Both take turns in one run and every program has a
text of its own. Printed for each language, beside what is to be reached:

cases: a program with ten stdin cases, ratio of the medians by the clock and of CPU time, all processes counted.
compile: CPU time that a new text costs beside one that was compiled before, and the plain command's; their ratio. The
    mean of all new texts, the first of a new sandbox included.
first: seconds from opening a pool to its first verdict.

What Debian's packages have and our images leave out (Go's sources, static libraries of Rust, tsc) is fetched by apt
once. Exit code 1 where something is not reached. Needs bubblewrap.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sandbox
from sandbox import Limits, Pool, Program, StdioCase, StdioTests, Verdict, debian, languages
from tests.bench import systems

CASES = 10
LIMITS = Limits(cpu_s=10.0, wall_s=60.0, memory_bytes=512 * 2**20)
COMMENTS = {"ruby": "#"}
FIRST_VERDICT_S = 4.0
IMAGES_BYTES = 2.2e9  # together, without python-libs
TESTS = StdioTests(
    cases=tuple(StdioCase(stdin=f"3\nb {at}\na 1\nb 2\n", stdout=f"a 1\nb {at + 2}\n{at + 3}\n") for at in range(CASES))
)


@dataclass(frozen=True, kw_only=True)
class Plain:
    """A language's usual commands. compile: empty where services run the text itself.

    cases, compile_share: what is to be reached; None for no aim. packages: those that our image has not all of, and
    what of them takes its place there. hidden: what of our image it is to do without.
    """

    compile: str
    run: str
    file: str
    cases: float
    compile_share: float | None = None
    packages: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    hidden: str = ""


NODE_TYPES = "--typeRoots /plain/@types --types node --skipLibCheck --target es2018 --module commonjs"
PLAIN = {
    "cpp": Plain(
        file="main.cpp", compile="g++ -std=c++17 -O2 -o out/main main.cpp", run="out/main", cases=10, compile_share=0.4,
        hidden="usr/include/*/c++/*/bits/stdc++.h.gch",
    ),
    "java": Plain(
        file="Main.java", compile="/usr/lib/jvm/java-17/bin/javac -d out Main.java",
        run="/usr/lib/jvm/java-17/bin/java -cp out Main", cases=7, compile_share=0.15,
    ),
    "typescript": Plain(  # without the types of Node.js tsc complains of every program that reads
        file="main.ts", compile=f"node /plain/typescript/lib/tsc.js --outDir out {NODE_TYPES} main.ts",
        run="node out/main.js", cases=10, compile_share=0.1, packages=("node-typescript", "nodejs=18.*"),
        places=("usr/share/nodejs /plain",),
    ),
    "go": Plain(
        file="main.go", compile="/usr/lib/go-1.19/bin/go build -o out/main main.go", run="out/main", cases=7,
        compile_share=0.6, packages=("golang-1.19-src", "golang-1.19-go"),
        places=("usr/share/go-1.19 /usr/share/go-1.19", "usr/lib/go-1.19 /usr/lib/go-1.19"),
    ),
    "rust": Plain(
        file="main.rs", compile="rustc --edition=2021 -O -C linker=gcc -o out/main main.rs", run="out/main", cases=7,
        compile_share=0.8, packages=("libstd-rust-dev",), places=("usr/lib/rustlib /usr/lib/rustlib",),
    ),
    "csharp": Plain(
        file="main.cs", compile="mono /usr/lib/mono/4.5/mcs.exe -optimize+ -out:out/main.exe main.cs",
        run="mono out/main.exe", cases=0.8,
    ),
    "javascript": Plain(file="main.js", compile="", run="node main.js", cases=0.8),
    "php": Plain(file="main.php", compile="", run="php main.php", cases=0.8),
    "ruby": Plain(file="main.rb", compile="", run="ruby main.rb", cases=0.8),
}  # fmt: skip
PLAIN["typescript_checked"] = PLAIN["typescript"]  # tsc checks types whether one wants it or not
# Each reads pairs of a word and a number, and prints the sum of each word in their order, then of all.
PROGRAMS = {
    "cpp": r"""
#include <bits/stdc++.h>
using namespace std;

int main() {
    int n;
    cin >> n;
    map<string, long long> sums;
    for (int i = 0; i < n; i++) {
        string word;
        long long x;
        cin >> word >> x;
        sums[word] += x;
    }
    vector<pair<string, long long>> all(sums.begin(), sums.end());
    sort(all.begin(), all.end());
    for (auto &[word, sum] : all) cout << word << " " << sum << "\n";
    cout << accumulate(all.begin(), all.end(), 0LL, [](long long a, auto &b) { return a + b.second; }) << endl;
}
""",
    "java": r"""
import java.util.*;

public class Main {
    public static void main(String[] args) {
        Scanner in = new Scanner(System.in);
        int n = in.nextInt();
        Map<String, Long> sums = new TreeMap<>();
        for (int i = 0; i < n; i++) {
            String word = in.next();
            sums.put(word, sums.getOrDefault(word, 0L) + in.nextLong());
        }
        long total = 0;
        for (Map.Entry<String, Long> each : sums.entrySet()) {
            System.out.println(each.getKey() + " " + each.getValue());
            total += each.getValue();
        }
        System.out.println(total);
    }
}
""",
    "typescript": r"""
import * as fs from 'fs';

interface Pair { word: string; x: number }
const lines: string[] = fs.readFileSync(0, 'utf8').trim().split('\n').slice(1);
const pairs: Pair[] = lines.map((line) => {
    const [word, x] = line.split(' ');
    return { word, x: Number(x) };
});
const sums = new Map<string, number>();
for (const { word, x } of pairs) sums.set(word, (sums.get(word) || 0) + x);
let total = 0;
for (const word of Array.from(sums.keys()).sort()) {
    console.log(`${word} ${sums.get(word)}`);
    total += sums.get(word) as number;
}
console.log(total);
""",
    "go": r"""
package main

import (
	"bufio"
	"fmt"
	"os"
	"sort"
)

func main() {
	in := bufio.NewReader(os.Stdin)
	var n, total int
	fmt.Fscan(in, &n)
	sums := map[string]int{}
	for i := 0; i < n; i++ {
		var word string
		var x int
		fmt.Fscan(in, &word, &x)
		sums[word] += x
		total += x
	}
	words := []string{}
	for word := range sums {
		words = append(words, word)
	}
	sort.Strings(words)
	for _, word := range words {
		fmt.Println(word, sums[word])
	}
	fmt.Println(total)
}
""",
    "rust": r"""
use std::collections::BTreeMap;
use std::io::Read;

fn main() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).unwrap();
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let parts: Vec<&str> = line.split_whitespace().collect();
        *sums.entry(parts[0]).or_insert(0) += parts[1].parse::<i64>().unwrap();
    }
    for (word, sum) in &sums {
        println!("{} {}", word, sum);
    }
    println!("{}", sums.values().sum::<i64>());
}
""",
    "csharp": r"""
using System;
using System.Collections.Generic;

class Program {
    static void Main() {
        int n = int.Parse(Console.ReadLine());
        var sums = new SortedDictionary<string, long>();
        long total = 0;
        for (int i = 0; i < n; i++) {
            var parts = Console.ReadLine().Split(' ');
            long sum;
            sums.TryGetValue(parts[0], out sum);
            sums[parts[0]] = sum + long.Parse(parts[1]);
            total += long.Parse(parts[1]);
        }
        foreach (var each in sums) Console.WriteLine(each.Key + " " + each.Value);
        Console.WriteLine(total);
    }
}
""",
    "javascript": r"""
const lines = require('fs').readFileSync(0, 'utf8').trim().split('\n').slice(1);
const sums = new Map();
let total = 0;
for (const line of lines) {
    const [word, x] = line.split(' ');
    sums.set(word, (sums.get(word) || 0) + Number(x));
    total += Number(x);
}
for (const word of [...sums.keys()].sort()) console.log(`${word} ${sums.get(word)}`);
console.log(total);
""",
    "php": r"""<?php
$n = (int) fgets(STDIN);
$sums = [];
for ($i = 0; $i < $n; $i++) {
    [$word, $x] = explode(' ', trim(fgets(STDIN)));
    $sums[$word] = ($sums[$word] ?? 0) + (int) $x;
}
ksort($sums);
foreach ($sums as $word => $sum) echo "$word $sum\n";
echo array_sum($sums), "\n";
""",
    "ruby": r"""
sums = Hash.new(0)
gets.to_i.times do
  word, x = gets.split
  sums[word] += x.to_i
end
sums.sort.each { |word, sum| puts "#{word} #{sum}" }
puts sums.values.sum
""",
}
PROGRAMS["typescript_checked"] = PROGRAMS["typescript"]
_number = itertools.count(int(time.time()))


def _new_text(name: str) -> str:
    """The program with a text that nobody has compiled before."""
    return f"{PROGRAMS[name].strip()}\n{COMMENTS.get(name, '//')} {next(_number)}\n"


@dataclass(frozen=True)
class Cost:
    """What something took. clock_s: by the clock; cpu_s: CPU time of all its processes."""

    clock_s: float
    cpu_s: float


# -- the other way


def _plain_places(name: str) -> list[str]:
    """Arguments of bwrap: our image, where the plain command finds all that Debian's packages have."""
    tree = debian.find(languages.find(name).family)
    assert tree is not None
    plain = PLAIN[name]
    places = ["--ro-bind", f"{tree.root}/usr", "/usr", "--ro-bind", f"{tree.root}/etc", "/etc", "--dev", "/dev"]
    for link in ("bin", "lib", "lib64", "sbin"):
        places += ["--symlink", f"usr/{link}", f"/{link}"]
    if plain.packages:
        whole = _unpacked(plain.packages)
        for place in plain.places:
            source, _, target = place.partition(" ")
            places += ["--ro-bind", str(whole / source), target]
    for found in tree.root.glob(plain.hidden or "none/*"):
        places += ["--ro-bind", "/dev/null", f"/{found.relative_to(tree.root)}"]
    return [*places, "--proc", "/proc"]


def _unpacked(packages: tuple[str, ...]) -> Path:
    """The files of Debian's packages, fetched once, none left out."""
    folder = debian.cache_folder() / ("plain-" + "-".join(packages).replace("=", ""))
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=debian.cache_folder()) as place:
            subprocess.run(["apt-get", "-q", "download", *packages], cwd=place, check=True, capture_output=True)
            for archive in Path(place).glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", archive, f"{place}/files"], check=True)
            Path(place, "files").rename(folder)
    return folder


class BySubprocess:
    """Compiling and running by subprocess for each case. What a compiler keeps in its home it has again."""

    def __init__(self, name: str, home: str) -> None:
        self._name, self._plain, self._home = name, PLAIN[name], home
        self._places = _plain_places(name)

    def compile(self, source: str) -> Cost:
        """Once, alone."""
        with self._folder(source) as folder, _measured() as costs:
            self._run(folder, self._plain.compile, "")
        return costs[0]

    def all_cases(self, source: str) -> Cost:
        """Each case anew: a directory, the compiler, the program. Raises where one does not print what it must."""
        with _measured() as costs:
            for case in TESTS.cases:
                with self._folder(source) as folder:
                    if self._plain.compile:
                        self._run(folder, self._plain.compile, "")
                    printed = self._run(folder, self._plain.run, case.stdin)
                    if printed != case.stdout:
                        raise SystemExit(f"{self._name}: {printed!r} instead of {case.stdout!r}")
        return costs[0]

    @contextlib.contextmanager
    def _folder(self, source: str) -> Iterator[str]:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "out").mkdir()
            Path(folder, self._plain.file).write_text(source)
            yield folder

    def _run(self, folder: str, command: str, stdin: str) -> str:
        places = [*self._places, "--tmpfs", "/tmp", "--bind", self._home, "/home", "--bind", folder, "/work"]
        places += ["--chdir", "/work", "--setenv", "PATH", "/usr/bin", "--setenv", "HOME", "/home"]
        ended = subprocess.run(
            ["bwrap", "--clearenv", *places, *command.split()], input=stdin, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise SystemExit(f"{self._name}: {command}: {(ended.stdout + ended.stderr)[:1000]}")
        return ended.stdout


@contextlib.contextmanager
def _measured() -> Iterator[list[Cost]]:
    """What the block took, with the children that it waited for, as the only item once it is over."""
    found: list[Cost] = []
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    yield found
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    found.append(Cost(time.perf_counter() - start, cpu_s))


# -- ours


class Ours:
    """A pool of one sandbox in bubblewrap, whose processes are children of this one."""

    def __init__(self, name: str, pool: Pool) -> None:
        self._name, self._pool = name, pool

    def run(self, source: str, tests: StdioTests = TESTS) -> Cost:
        """One program; what this process used for it counts too."""
        cpu, own, start = _children_cpu_s(), time.process_time(), time.perf_counter()
        execution = self._pool.run(Program(source=source, language=self._name), tests, LIMITS)
        taken, used = time.perf_counter() - start, time.process_time() - own
        if execution.verdict is not Verdict.ACCEPTED:
            raise SystemExit(f"{self._name}: {execution}")
        return Cost(taken, _children_cpu_s() - cpu + used)


def _children_cpu_s() -> float:
    """CPU time of all processes under this one, alive or waited for by one that is."""
    ticks, parents = {}, {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
        except OSError:  # gone meanwhile
            continue
        parents[int(pid)], ticks[int(pid)] = int(fields[1]), sum(map(int, fields[11:15]))
    own, total = os.getpid(), 0
    for pid, used in ticks.items():
        above = pid
        while above not in (own, 0):
            above = parents.get(above, 0)
        total += used if above == own and pid != own else 0
    return total / os.sysconf("SC_CLK_TCK")


def first_verdict_s(name: str, backend: str) -> float:
    """From opening a pool to the verdict of its first program."""
    start = time.perf_counter()
    with sandbox.open(backend, workers=1, ceiling=LIMITS, language=name) as pool:
        Ours(name, pool).run(_new_text(name), StdioTests(cases=TESTS.cases[:1]))
        return time.perf_counter() - start


# -- the table


def measure(name: str, rounds: int, backends: list[str]) -> tuple[str, bool]:
    """A line of the table, and whether all that is to be reached is."""
    plain = PLAIN[name]
    one = StdioTests(cases=TESTS.cases[:1])
    ours, others, new, known, compiled = [], [], [], [], []
    with (
        sandbox.open("bubblewrap", workers=1, ceiling=LIMITS, language=name) as pool,
        tempfile.TemporaryDirectory() as home,
    ):
        box, peer = Ours(name, pool), BySubprocess(name, home)
        pool.guest()  # its start is not a program's
        for _ in range(rounds * 4 if plain.compile_share else 0):
            source = _new_text(name)
            new.append(box.run(source, one).cpu_s)
            known.append(box.run(source, one).cpu_s)
        compiled = [peer.compile(_new_text(name)).cpu_s for _ in range(rounds if plain.compile_share else 0)]
        for _ in range(rounds):
            source = _new_text(name)
            ours.append(box.run(source))
            others.append(peer.all_cases(source))
    by_clock, by_cpu = (
        statistics.median(getattr(each, kind) for each in others)
        / statistics.median(getattr(each, kind) for each in ours)
        for kind in ("clock_s", "cpu_s")
    )
    reached = by_clock >= plain.cases
    line = f"{name:18} {statistics.median(each.clock_s for each in ours):7.2f} {by_clock:6.1f} {by_cpu:6.1f} {plain.cases:>5}"
    if plain.compile_share:
        mine, theirs = statistics.mean(new) - statistics.mean(known), statistics.mean(compiled)
        line += f" {mine:9.3f} {theirs:7.3f} {mine / theirs:6.2f} {plain.compile_share:>5}"
        reached = reached and mine / theirs <= plain.compile_share
    else:
        line += " " * 31
    for backend in backends:
        first_s = statistics.median(first_verdict_s(name, backend) for _ in range(3))
        line += f" {first_s:10.2f}"
        reached = reached and first_s <= FIRST_VERDICT_S
    return line + ("" if reached else "  missed"), reached


def main() -> None:
    """Print a line for each language."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--languages", default=",".join(PLAIN))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backend", default="bubblewrap,docker", help="of the first verdicts")
    arguments = parser.parse_args()
    names, backends = arguments.languages.split(","), arguments.backend.split(",")
    for name in names:
        if name not in PLAIN:
            parser.error(f"--languages: {name!r}; known: {', '.join(PLAIN)}")
        for backend in ("bubblewrap", *backends):
            sandbox.prepare(backend, lambda text: print(text, file=sys.stderr), name)
    print(f"a program with {CASES} cases; {systems.load()}")
    firsts = "".join(f" {f'first {backend[:4]}':>10}" for backend in backends)
    print(
        f"{'':18} {'ours s':>7} {'clock':>6} {'CPU':>6} {'least':>5} {'compile s':>9} {'plain s':>7} {'share':>6} {'most':>5}{firsts}"
    )
    all_reached = True
    for name in names:
        line, reached = measure(name, arguments.rounds, backends)
        print(line, flush=True)
        all_reached = all_reached and reached
    sizes = {family: sandbox.image_bytes("bubblewrap", languages.of_family(family)[0]) for family in _families()}
    total = sum(sizes.values())
    print(f"images of {', '.join(sizes)}: {total / 1e9:.2f} GB of {IMAGES_BYTES / 1e9}; {systems.load()}")
    sys.exit(0 if all_reached and total <= IMAGES_BYTES else 1)


def _families() -> list[str]:
    """Those whose images are here."""
    found = dict.fromkeys(languages.find(name).family for name in sandbox.types.LANGUAGES)
    return [each for each in found if each not in (languages.PYTHON, "python-libs") and debian.find(each)]


if __name__ == "__main__":
    main()
