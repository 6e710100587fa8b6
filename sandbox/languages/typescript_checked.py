"""TypeScript as `typescript`, but a program whose types do not hold is COMPILE_ERROR: tsc checks and translates it.

tsc's own defaults hold, which are not its strict ones, and Node.js's declarations are there. Files of a program are
those that it imports.
"""

from __future__ import annotations

from sandbox.languages import Kept, Language, Testing, _node, _tsc

COMPILE = ("/usr/bin/node", _tsc.SCRIPT, "main.ts")
LANGUAGE = Language(
    source_file="main.ts",
    suffixes=(".ts", ".mts", ".cts"),
    fence_names=("typescript-checked",),
    other_names=("typescript:types=check", "ts:types=check"),
    written_in="typescript",
    family="web",
    packages=("nodejs", "node-typescript"),
    prepare=_tsc.PREPARE,
    version_of="node-typescript",
    compile=COMPILE,
    kept=Kept(command=("/usr/bin/node", f"--max-old-space-size={_tsc.KEPT_HEAP_MIB}", _tsc.SCRIPT, "--keep")),
    run=(*_node.NODE, "{build}/main.js"),
    testing=Testing(
        files=_node.FILES,
        compile=COMPILE,
        run=(*_node.NODE, _node.LAUNCHER_FILE, "{build}/main.js"),
        environment={"NODE_PATH": "node_modules"},
        assertion_signs=_node.ASSERTIONS,
        end="\n;(globalThis as any).__harnessEnd();\n",
    ),
    runtime_mib=_node.RUNTIME_MIB,
    memory_signs=_node.MEMORY_SIGNS,
)
