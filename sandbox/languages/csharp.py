"""C#, by mono: its compiler mcs, and its runtime."""

from __future__ import annotations

from sandbox.languages import Language, Testing

# calls `Main`, and gives the sign where it came back; an assertion that fails throws
LAUNCHER = r"""
static class HarnessLauncher {
    class Throwing : System.Diagnostics.TraceListener {
        public override void Write(string text) {}
        public override void WriteLine(string text) {}
        public override void Fail(string text) { throw new System.Exception("Assertion failed: " + text); }
        public override void Fail(string text, string more) { Fail(text + " " + more); }
    }
    static int Main(string[] arguments) {
        var sign = new byte[64];
        int length;
        using (var input = System.IO.File.OpenRead("/dev/fd/5")) length = input.Read(sign, 0, sign.Length);
        System.Diagnostics.Debug.Listeners.Clear();
        System.Diagnostics.Debug.Listeners.Add(new Throwing());
        var all = System.Reflection.BindingFlags.Static | System.Reflection.BindingFlags.Public
            | System.Reflection.BindingFlags.NonPublic;
        System.Reflection.MethodInfo found = null;
        foreach (var type in typeof(HarnessLauncher).Assembly.GetTypes()) {
            var main = type == typeof(HarnessLauncher) ? null : type.GetMethod("Main", all);
            if (main != null && found != null) {
                System.Console.Error.WriteLine("more than one Main: " + found.DeclaringType + ", " + type);
                return 1;
            }
            found = main ?? found;
        }
        if (found != null) {
            var main = found;
            object code;
            try {
                code = main.Invoke(null, main.GetParameters().Length == 0 ? null : new object[] { arguments });
            } catch (System.Reflection.TargetInvocationException error) {
                System.Console.Error.WriteLine(error.InnerException);
                return 1;
            }
            if (code is int && (int)code != 0) return (int)code;
            System.Console.Out.Flush();
            using (var output = System.IO.File.OpenWrite("/dev/fd/4")) output.Write(sign, 0, length);
            return 0;
        }
        System.Console.Error.WriteLine("no Main");
        return 1;
    }
}
"""
MCS = (
    "/usr/bin/mono",
    "/usr/lib/mono/4.5/mcs.exe",
    "-optimize+",
    "-r:System.Numerics.dll",
    "-out:out/main.exe",
    "main.cs",
)
LANGUAGE = Language(
    source_file="main.cs",
    suffixes=(".cs",),
    fence_names=("csharp", "cs", "c#"),
    other_names=("mono", "dotnet"),
    family="mono",
    packages=("mono-mcs", "mono-runtime", "libmono-system-core4.0-cil", "libmono-system-numerics4.0-cil"),
    version_of="mono-runtime",
    compile=MCS,
    testing=Testing(
        files={"HarnessLauncher.cs": LAUNCHER},
        compile=(*MCS, "HarnessLauncher.cs", "-main:HarnessLauncher", "-d:DEBUG"),
        run=("/usr/bin/mono", "{build}/main.exe"),
        assertion_signs=("Assertion failed",),
        end="\n#if !DEBUG\n#error the assertions of the tests are switched off\n#endif\n",
    ),
    run=("/usr/bin/mono", "{build}/main.exe"),
    environment={"MONO_GC_PARAMS": "max-heap-size={memory_mib}m"},
    runtime_mib=96,
    memory_signs=("OutOfMemoryException", "Out of memory", "out of memory"),
)  # fmt: skip
