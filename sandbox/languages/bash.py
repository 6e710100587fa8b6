"""Bash, with the usual small programs beside it. `bash -n` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language, Testing

CHECK = ("/usr/bin/bash", "-n", "main.sh")
# runs the program in the same shell, and gives the sign where it came to its end and its last command was well
LAUNCHER = r"""
IFS= read -r -d '' -u 5 __harness_sign
exec 5<&-
__harness_end() { __harness_read=1; return "$1"; }
source ./main.sh
__harness_code=$?
[ "$__harness_code" -eq 0 ] && [ "${__harness_read-}" ] && printf %s "$__harness_sign" >&4
exit "$__harness_code"
"""
LANGUAGE = Language(
    source_file="main.sh",
    suffixes=(".sh", ".bash"),
    fence_names=("bash", "sh", "shell"),
    family="scripts",
    packages=("bash", "coreutils", "grep", "sed", "gawk", "findutils", "diffutils", "bc"),
    version_of="bash",
    compile=CHECK,
    testing=Testing(
        files={"harness_launcher.sh": LAUNCHER},
        compile=CHECK,
        run=("/usr/bin/bash", "harness_launcher.sh"),
        assertion_signs=(),
        end='\n__harness_end "$?"\n',
    ),
    run=("/usr/bin/bash", "main.sh"),
    memory_signs=("cannot allocate", "xrealloc", "xmalloc"),
    system_calls=("mincore",),  # gawk looks for the end of its stack
)
