"""Bash, with the usual small programs beside it. `bash -n` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.sh",
    suffixes=(".sh", ".bash"),
    fence_names=("bash", "sh", "shell"),
    family="scripts",
    packages=("bash", "coreutils", "grep", "sed", "gawk", "findutils", "diffutils", "bc"),
    version_of="bash",
    compile=("/usr/bin/bash", "-n", "main.sh"),
    run=("/usr/bin/bash", "main.sh"),
    memory_signs=("cannot allocate", "xrealloc", "xmalloc"),
)
