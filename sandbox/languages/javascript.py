"""JavaScript, by Node.js. `node --check` finds what does not parse; the heap may grow to the program's memory limit."""

from __future__ import annotations

from sandbox.languages import SUITE_FILE, Language, Testing, _node, _node_calls

LANGUAGE = Language(
    source_file="main.js",
    suffixes=(".js", ".cjs"),
    fence_names=("javascript", "js", "node", "jsx"),
    other_names=("nodejs", "ecmascript"),
    family="web",
    packages=("nodejs", "jest"),
    version_of="nodejs",
    compile=("/usr/bin/node", "--check", "main.js"),
    run=(*_node.NODE, "main.js"),
    testing=Testing(
        files=_node.FILES,
        compile=("/usr/bin/node", "--check", "main.js"),
        run=(*_node.NODE, _node.LAUNCHER_FILE, "main.js"),
        assertion_signs=_node.ASSERTIONS,
        end=_node.END,
    ),
    suite=Testing(  # modules of one folder; esbuild makes them what jest takes without Babel
        source_file=SUITE_FILE,
        files=_node.SUITE_FILES,
        compile=(
            "/usr/bin/sh", "-c",
            "exec /usr/bin/esbuild *.js --format=cjs --platform=node --target=node18 --outdir=out"
            """ --log-level=warning --color=false '--banner:js="use strict";'""",
        ),
        run=(*_node.NODE, "harness/suite.js", "{build}"),
        environment={"NODE_PATH": "/usr/share/nodejs", "NO_COLOR": "1"},
        assertion_signs=("expect(",),
    ),
    calls=Testing(
        files={_node_calls.DRIVER_FILE: _node_calls.DRIVER},
        compile=(),
        run=(*_node.NODE, _node_calls.DRIVER_FILE, "{entry_point}"),
    ),
    runtime_mib=_node.RUNTIME_MIB,
    memory_signs=_node.MEMORY_SIGNS,
)  # fmt: skip
