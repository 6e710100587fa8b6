"""TypeScript: esbuild takes the types away in milliseconds and checks none of them, Node.js runs what is left."""

from __future__ import annotations

from sandbox.languages import Language, Testing, _node

BUNDLE = (
    "/usr/bin/esbuild", "main.ts", "--bundle", "--platform=node", "--target=node18", "--outfile=out/main.js",
    "--log-level=warning", "--color=false",
)  # fmt: skip
LANGUAGE = Language(
    source_file="main.ts",
    suffixes=(".ts", ".mts", ".cts"),
    fence_names=("typescript", "ts", "tsx"),
    family="web",
    packages=("nodejs", "esbuild"),
    version_of="esbuild",
    compile=BUNDLE,
    run=(*_node.NODE, "{build}/main.js"),
    testing=Testing(
        files=_node.FILES,
        compile=BUNDLE,
        run=(*_node.NODE, _node.LAUNCHER_FILE, "{build}/main.js"),
        assertion_signs=_node.ASSERTIONS,
        end="\n;(globalThis as any).__harnessEnd();\n",
    ),
    runtime_mib=_node.RUNTIME_MIB,
    memory_signs=_node.MEMORY_SIGNS,
)  # fmt: skip
