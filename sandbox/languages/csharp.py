"""C#, by mono: its compiler mcs, and its runtime."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.cs",
    suffixes=(".cs",),
    fence_names=("csharp", "cs", "c#"),
    other_names=("mono", "dotnet"),
    family="mono",
    packages=("mono-mcs", "mono-runtime", "libmono-system-core4.0-cil", "libmono-system-numerics4.0-cil"),
    version_of="mono-runtime",
    compile=(
        "/usr/bin/mono", "/usr/lib/mono/4.5/mcs.exe", "-optimize+", "-r:System.Numerics.dll", "-out:out/main.exe",
        "main.cs",
    ),
    run=("/usr/bin/mono", "{build}/main.exe"),
    environment={"MONO_GC_PARAMS": "max-heap-size={memory_mib}m"},
    runtime_mib=96,
    memory_signs=("OutOfMemoryException", "Out of memory", "out of memory"),
)  # fmt: skip
