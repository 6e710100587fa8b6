"""JavaScript, by Node.js. `node --check` finds what does not parse; the heap may grow to the program's memory limit."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.js",
    suffixes=(".js", ".cjs"),
    fence_names=("javascript", "js", "node", "jsx"),
    other_names=("nodejs", "ecmascript"),
    family="web",
    packages=("nodejs",),
    version_of="nodejs",
    compile=("/usr/bin/node", "--check", "main.js"),
    run=("/usr/bin/node", "--max-old-space-size={memory_mib}", "main.js"),
    runtime_mib=128,
    memory_signs=("heap out of memory", "llocation failed", "process out of memory", "SetPermissions"),
)
