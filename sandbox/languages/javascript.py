"""JavaScript, by Node.js. `node --check` finds what does not parse; the heap may grow to the program's memory limit."""

from __future__ import annotations

from sandbox.languages import Language, Testing, _node

LANGUAGE = Language(
    source_file="main.js",
    suffixes=(".js", ".cjs"),
    fence_names=("javascript", "js", "node", "jsx"),
    other_names=("nodejs", "ecmascript"),
    family="web",
    packages=("nodejs",),
    version_of="nodejs",
    compile=("/usr/bin/node", "--check", "main.js"),
    run=(*_node.NODE, "main.js"),
    testing=Testing(
        files=_node.FILES,
        compile=("/usr/bin/node", "--check", "main.js"),
        run=(*_node.NODE, _node.LAUNCHER_FILE, "main.js"),
        assertion_signs=_node.ASSERTIONS,
    ),
    runtime_mib=_node.RUNTIME_MIB,
    memory_signs=_node.MEMORY_SIGNS,
)
