"""Go, by its own compiler and linker without `go build`, which would look for modules and keep a cache.

The standard library lies compiled in Debian's package.
"""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.go",
    suffixes=(".go",),
    fence_names=("go", "golang"),
    family="go",
    packages=("golang-1.19-go", "golang-1.19-src"),
    version_of="golang-1.19-go",
    compile=(
        "/usr/bin/sh", "-c",
        "/usr/lib/go-1.19/pkg/tool/*/compile -p main -complete -o main.o main.go"
        " && /usr/lib/go-1.19/pkg/tool/*/link -s -w -o out/main main.o",
    ),
    run=("{build}/main",),
    environment={"GOROOT": "/usr/lib/go-1.19", "GOMEMLIMIT": "{memory_mib}MiB"},
    runtime_mib=32,
    memory_signs=("runtime: out of memory", "cannot allocate memory", "out of memory"),
)  # fmt: skip
