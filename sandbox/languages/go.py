"""Go, by its own compiler and linker without `go build`, which would look for modules and keep a cache.

The standard library lies compiled in Debian's package.
"""

from __future__ import annotations

import re

from sandbox.languages import SUITE_FILE, Language, Testing

ROOT = "/usr/lib/go-1.19"
COMPILE = f"{ROOT}/pkg/tool/*/compile"
LINK = f"{ROOT}/pkg/tool/*/link -s -w"
LIBRARIES = "/usr/lib/harness/go"  # what is compiled as the image is made
# testify, which published tests import, with what it needs: by hand: `go install` compiles the library again
TESTIFY = """
set -e
cd /usr/share/gocode/src
one() {
  mkdir -p $L/$(dirname $1)
  $C -p $1 -complete -I $L -o $L/$1.a $(ls $1/*.go | grep -v -e _test.go -e bypasssafe.go -e _legacy.go)
}
one github.com/davecgh/go-spew/spew
one github.com/pmezard/go-difflib/difflib
one gopkg.in/yaml.v3
one github.com/stretchr/testify/assert
one github.com/stretchr/testify/require
"""
_TESTS = re.compile(r"^func[ \t]+(Test\w*)[ \t]*\([ \t]*\w+[ \t]+\*testing\.T[ \t]*\)", re.MULTILINE)
_PACKAGE = re.compile(r"^package[ \t]+(\w+)", re.MULTILINE)
# runs the tests as `go test` does, and gives the sign where there were some and all passed
LAUNCHER = r"""
package main

import (
	"os"
	"testing"
	"testing/internal/testdeps"

	program "program"
)

var ended = 0 // tests; a program can have the framework leave some out

func whole(test func(*testing.T)) func(*testing.T) {
	return func(t *testing.T) {
		defer func() { ended++ }()
		test(t)
	}
}

func main() {
	sign := make([]byte, 64)
	in := os.NewFile(5, "in")
	length, _ := in.Read(sign)
	in.Close()
	out := os.NewFile(4, "out")
	tests := []testing.InternalTest{@TESTS@}
	code := testing.MainStart(testdeps.TestDeps{}, tests, nil, nil, nil).Run()
	if len(tests) == 0 || code != 0 {
		os.Exit(1)
	}
	if ended == len(tests) {
		out.Write(sign[:length])
	}
}
"""


def _names(source: str) -> dict[str, str]:
    """The tests, as the launcher lists them."""
    return {
        "tests": ", ".join(f'{{"{name}", whole(program.{name})}}' for name in dict.fromkeys(_TESTS.findall(source)))
    }


LANGUAGE = Language(
    source_file="main.go",
    suffixes=(".go",),
    fence_names=("go", "golang"),
    family="go",
    packages=("golang-1.19-go", "golang-github-stretchr-testify-dev", "coreutils", "grep"),
    prepare=f"L={LIBRARIES}; C='{COMPILE}'; {TESTIFY}",
    version_of="golang-1.19-go",
    compile=("/usr/bin/sh", "-c", f"{COMPILE} -p main -complete -o main.o main.go && {LINK} -o out/main main.o"),
    run=("{build}/main",),
    testing=Testing(
        files={"harness_main.go": LAUNCHER},
        compile=(
            "/usr/bin/sh", "-c",
            f"{COMPILE} -p program -complete -I {LIBRARIES} -o program.a main.go"
            f" && {COMPILE} -p main -complete -I . -o harness.o harness_main.go"
            f" && {LINK} -L . -L {LIBRARIES} -o out/main harness.o",
        ),
        run=("{build}/main",),
        assertion_signs=("--- FAIL",),
        names=_names,
    ),
    suite=Testing(  # a package whose files lie in one folder, those of its tests among them
        source_file=SUITE_FILE,
        files={"harness/main.go": LAUNCHER},
        compile=(
            "/usr/bin/sh", "-c",
            f"{COMPILE} -p program -complete -o program.a *.go"
            f" && {COMPILE} -p main -complete -I . -o harness.o harness/main.go && {LINK} -L . -o out/main harness.o",
        ),
        run=("{build}/main",),
        assertion_signs=("--- FAIL",),
        names=_names,
    ),
    environment={"GOROOT": ROOT, "GOMEMLIMIT": "{memory_mib}MiB"},
    runtime_mib=32,
    memory_signs=("runtime: out of memory", "cannot allocate memory", "out of memory"),
)  # fmt: skip
