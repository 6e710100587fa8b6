"""Rust 2021, by rustc with -O. The standard library is linked dynamically, which halves the linker's work."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.rs",
    suffixes=(".rs",),
    fence_names=("rust", "rs"),
    family="rust",
    packages=("rustc", "gcc", "libc6-dev"),
    version_of="rustc",
    compile=(
        "/usr/bin/rustc", "--edition=2021", "-O", "-C", "prefer-dynamic", "-C", "linker=/usr/bin/gcc",
        "--color=never", "-o", "out/main", "main.rs",
    ),
    run=("{build}/main",),
    memory_signs=("memory allocation of", "capacity overflow"),
)  # fmt: skip
