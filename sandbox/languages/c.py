"""C17, by gcc with -O2 and the library of mathematics."""

from __future__ import annotations

from sandbox.languages import Language, Testing, _native

LANGUAGE = Language(
    source_file="main.c",
    suffixes=(".c",),
    fence_names=("c",),
    other_names=("gcc",),
    family="native",
    packages=("gcc", "libc6-dev"),
    version_of="gcc",
    compile=("/usr/bin/gcc", "-std=gnu17", "-O2", "-o", "out/main", "main.c", "-lm"),
    run=("{build}/main",),
    testing=Testing(
        files={_native.SIGN_FILE: _native.SIGN},
        compile=(
            "/usr/bin/gcc", "-std=gnu17", "-O2", "-o", "out/main", "main.c", _native.SIGN_FILE, _native.WRAP, "-lm",
        ),
        run=("{build}/main",),
        assertion_signs=_native.ASSERTIONS,
        end=_native.END,
    ),
)  # fmt: skip
