"""Java 17, by javac without annotation processors, and a JVM with the program's memory as its heap."""

from __future__ import annotations

import re

from sandbox.languages import SUITE_FILE, Kept, Language, Testing, _image

JVM = "/usr/lib/jvm/java-17/bin"
SMALL = (  # one thread collects; what is reserved fits beside a small heap
    "-XX:+UseSerialGC", "-XX:ReservedCodeCacheSize=64m", "-XX:CompressedClassSpaceSize=128m", "-XX:-UsePerfData",
)  # fmt: skip
LIBRARIES = "/usr/share/java/javatuples.jar"
STACKS = ("-Xss64m", "-XX:ThreadStackSize=1024")  # of the main thread, by the launcher; then KiB of all others
_PACKAGE = re.compile(r"^[ \t]*package[ \t]+([\w.]+)[ \t]*;", re.MULTILINE)
_TYPE = r"(?:class|interface|enum|record)[ \t]+(\w+)"
_PUBLIC = re.compile(r"^[ \t]*public[ \t]+(?:(?:final|abstract|strictfp|sealed)[ \t]+)*" + _TYPE, re.MULTILINE)
_TOP = re.compile(r"^(?:[a-z]+[ \t]+)*" + _TYPE, re.MULTILINE)
_MAIN = re.compile(r"\bstatic\b[^;{}()]{0,200}\bvoid[ \t]+main[ \t]*\(")


def names(source: str) -> dict[str, str]:
    """What a file must be called for javac: as its public class; and the class with `main`, which is started.

    Told by the usual way of writing; text that looks like code may mislead it, and does not compile then.
    """
    public, package, begins = _PUBLIC.search(source), _PACKAGE.search(source), _MAIN.search(source)
    tops = _TOP.findall(source, 0, begins.start() if begins else len(source))
    entry = tops[-1] if tops and begins else public[1] if public else "Main"
    return {"unit": public[1] if public else "Main", "entry": f"{package[1]}.{entry}" if package else entry}


def tested_names(source: str) -> dict[str, str]:
    """The same of a text that ends with tests: the `main` that is started is theirs, the last one."""
    *_, last = [0, *(found.start() for found in _MAIN.finditer(source))]
    package, tops = _PACKAGE.search(source), _TOP.findall(source, 0, last or len(source))
    entry = tops[-1] if tops and last else names(source)["entry"].rpartition(".")[2]
    return {"entry": f"{package[1]}.{entry}" if package else entry}


# calls `main`, and gives the sign where it came back
LAUNCHER = r"""
public class HarnessLauncher {
    public static void main(String[] arguments) throws Throwable {
        byte[] sign = new byte[64];
        int length;
        try (var in = new java.io.FileInputStream("/dev/fd/5")) {
            length = in.read(sign);
        }
        try (var out = new java.io.FileOutputStream("/dev/fd/4")) {
            var main = Class.forName(arguments[0]).getDeclaredMethod("main", String[].class);
            main.setAccessible(true);
            main.invoke(null, (Object) java.util.Arrays.copyOfRange(arguments, 1, arguments.length));
            System.out.flush();
            out.write(sign, 0, length);
        } catch (java.lang.reflect.InvocationTargetException error) {
            throw error.getCause();
        }
    }
}
"""
# runs the tests as JUnit's own console does, and gives the sign where some passed and none failed
SUITE = r"""
import java.nio.file.Path;
import java.util.Set;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;

public class HarnessSuite {
    public static void main(String[] arguments) throws Throwable {
        byte[] sign = new byte[64];
        int length;
        try (var in = new java.io.FileInputStream("/dev/fd/5")) {
            length = in.read(sign);
        }
        try (var out = new java.io.FileOutputStream("/dev/fd/4")) {
            var roots = DiscoverySelectors.selectClasspathRoots(Set.of(Path.of(arguments[0])));
            var request = LauncherDiscoveryRequestBuilder.request().selectors(roots).build();
            var listener = new SummaryGeneratingListener();
            LauncherFactory.create().execute(request, listener);
            var summary = listener.getSummary();
            summary.printFailuresTo(new java.io.PrintWriter(System.err, true), 5);
            if (summary.getTestsSucceededCount() == 0 || summary.getTotalFailureCount() != 0) System.exit(1);
            System.out.flush();
            out.write(sign, 0, length);
        }
        System.exit(0); // threads of the program do not hold it up, as with Gradle
    }
}
"""
FRAMEWORK = ":".join(
    f"/usr/share/java/{name}.jar"
    for name in (
        "junit-jupiter-api", "junit-jupiter-params", "junit-jupiter-engine", "junit-platform-commons",
        "junit-platform-engine", "junit-platform-launcher", "opentest4j", "apiguardian-api", "assertj-core",
        "byte-buddy",
    )
)  # fmt: skip
# what is kept, and the way to the plain compiler that is quickest to start: by the class path, with our archive
SERVER = r"""
import java.io.*;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.*;
import javax.tools.*;

public class HarnessCompiler {
    static final int DOUBT = 75;

    static class Text extends SimpleJavaFileObject {
        final String text;
        Text(String name, String text) throws java.net.URISyntaxException {
            super(new URI(null, null, name, null), Kind.SOURCE);
            this.text = text;
        }
        @Override public CharSequence getCharContent(boolean ignoreEncodingErrors) { return text; }
    }

    static class Made extends SimpleJavaFileObject {
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        Made(String name, Kind kind) { super(URI.create("made:///" + name), kind); }
        @Override public OutputStream openOutputStream() { return bytes; }
    }

    static class Files extends ForwardingJavaFileManager<JavaFileManager> {
        final Map<String, Made> made = new LinkedHashMap<>();
        Files(JavaFileManager under) { super(under); }
        @Override
        public JavaFileObject getJavaFileForOutput(Location to, String name, JavaFileObject.Kind kind, FileObject of) {
            String file = name.replace('.', '/') + kind.extension;
            return made.computeIfAbsent(file, key -> new Made("x", kind));
        }
        @Override public boolean isSameFile(FileObject one, FileObject other) { return one == other; }
    }

    public static void main(String[] arguments) throws Throwable {
        if (!arguments[0].equals("--keep")) System.exit(com.sun.tools.javac.Main.compile(arguments));
        var in = new DataInputStream(new BufferedInputStream(new FileInputStream(FileDescriptor.in)));
        var out = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out)));
        var options = List.of(arguments).subList(1, arguments.length);
        var compiler = ToolProvider.getSystemJavaCompiler();
        while (true) {
            String name, text;
            try {
                name = new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
                byte[] bytes = in.readNBytes(in.readInt());
                text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
            } catch (EOFException error) {
                return;
            }
            var said = new StringWriter();
            int[] code = {DOUBT};
            var files = new Files(compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8));
            var unit = new Text(name, text);
            // as deep as a fresh compiler's own thread
            var thread = new Thread(null, () -> {
                boolean well = compiler.getTask(said, files, null, options, null, List.of(unit)).call();
                code[0] = well ? 0 : COUNT.matcher(said.toString()).find() ? 1 : DOUBT;
            }, "main", 1 << 20);
            thread.setUncaughtExceptionHandler((of, error) -> {});
            thread.start();
            thread.join();
            files.close();
            byte[] words = said.toString().getBytes(StandardCharsets.UTF_8);
            out.writeInt(code[0]);
            out.writeInt(words.length);
            out.write(words);
            out.writeInt(code[0] == 0 ? files.made.size() : 0);
            if (code[0] == 0) {
                for (var each : files.made.entrySet()) {
                    byte[] path = each.getKey().getBytes(StandardCharsets.UTF_8);
                    out.writeInt(path.length);
                    out.write(path);
                    out.writeInt(each.getValue().bytes.size());
                    each.getValue().bytes.writeTo(out);
                }
            }
            out.flush();
        }
    }

    static final java.util.regex.Pattern COUNT = java.util.regex.Pattern.compile("(?m)^[0-9]+ errors?$");
}
"""
HARNESS = "/usr/lib/harness/javac"
OPTIONS = ("-proc:none", "-nowarn", "-cp", LIBRARIES)
_VM = (f"{JVM}/java", *SMALL, "-XX:TieredStopAtLevel=1")
# the compiler's classes as the JVM has them in memory, which halves its CPU time; made by compiling a usual program
ARCHIVE, JAR = f"{HARNESS}/javac.jsa", f"{HARNESS}/javac.jar"
_MAIN_CLASS = ("-cp", JAR, "HarnessCompiler")
COMPILER = (*_VM, "-Xmx512m", f"-XX:SharedArchiveFile={ARCHIVE}", *_MAIN_CLASS)
SAMPLE = """
import java.util.*;
import java.util.function.*;
import java.util.stream.*;

public class Main {
    record Pair(int a, String b) {}
    interface Shape { double area(); }
    enum Kind { ONE, TWO }
    static <T extends Comparable<T>> T most(List<T> all) { return Collections.max(all); }
    public static void main(String[] args) throws Exception {
        Scanner in = new Scanner(System.in);
        Map<String, List<Integer>> found = new HashMap<>();
        for (int i = 0; i < 3; i++) found.computeIfAbsent("k" + i, k -> new ArrayList<>()).add(i);
        StringBuilder text = new StringBuilder();
        Shape shape = () -> 2.0;
        Function<Integer, Integer> twice = x -> x * 2;
        var sum = IntStream.range(0, 9).map(x -> x * x).filter(x -> x % 2 == 0).sum();
        switch (Kind.ONE) { case ONE: text.append(sum); break; default: throw new IllegalStateException(); }
        try { text.append(new Pair(1, "x")).append(shape.area()).append(twice.apply(3)).append(most(List.of(1, 2)));
        } catch (RuntimeException error) { System.err.println(error); }
        System.out.printf("%s %d%n", text, found.values().stream().mapToInt(List::size).sum());
    }
}
"""
MAKE = f"""
set -e
cd /tmp
/usr/bin/python3 -c 'import os; os.makedirs("{HARNESS}")'
cat() {{ while IFS= read -r line; do printf '%s\\n' "$line"; done; }}
cat > HarnessCompiler.java <<'END'
{SERVER}
END
cat > Main.java <<'END'
{SAMPLE}
END
{JVM}/javac -d classes HarnessCompiler.java
/usr/bin/python3 - <<'END'
import os, struct, zipfile
with zipfile.ZipFile("{JAR}", "w") as jar:
    jar.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\\n\\n")
    for name in sorted(os.listdir("classes")):
        jar.write("classes/" + name, name)
text = open("Main.java", "rb").read()
with open("asked", "wb") as file:
    for part in (b"Main.java", text) * 3:
        file.write(struct.pack(">I", len(part)) + part)
END
{" ".join(_VM)} -XX:ArchiveClassesAtExit={ARCHIVE} {" ".join(_MAIN_CLASS)} --keep {" ".join(OPTIONS)} < asked > answered
"""
PREPARE = MAKE + _image.remove(
    "/tmp/*", "/usr/lib/jvm/java-17-openjdk-*/lib/server/classes_nocoops.jsa",
    "/usr/lib/jvm/java-17-openjdk-*/lib/ct.sym",
    "/usr/share/java/junit-platform-console*", "/usr/share/java/byte-buddy-dep*", "/usr/share/maven-repo",
)  # fmt: skip
JAVAC = (*COMPILER, *OPTIONS, "-encoding", "UTF-8", "-d", "out", "{unit}.java")
JAVA = (f"{JVM}/java", *SMALL, *STACKS, "-Xms16m", "-Xmx{memory_mib}m", "-cp", "{build}:" + LIBRARIES)
LANGUAGE = Language(
    source_file="{unit}.java",
    suffixes=(".java",),
    fence_names=("java",),
    other_names=("openjdk",),
    family="jvm",
    packages=("openjdk-17-jdk-headless", "libjavatuples-java", "junit5", "libassertj-core-java"),
    prepare=PREPARE,
    version_of="openjdk-17-jdk-headless",
    compile=JAVAC,
    kept=Kept(command=(*_VM, "-Xmx192m", "-XX:ActiveProcessorCount=1",
                       "-XX:+DisableAttachMechanism", f"-XX:SharedArchiveFile={ARCHIVE}", *_MAIN_CLASS,
                       "--keep", *OPTIONS)),
    run=(*JAVA, "{entry}"),
    testing=Testing(
        files={"HarnessLauncher.java": LAUNCHER},
        compile=(*JAVAC, "HarnessLauncher.java"),
        run=(*JAVA, "-ea", "HarnessLauncher", "{entry}"),
        assertion_signs=("java.lang.AssertionError",),
        names=tested_names,
    ),
    suite=Testing(  # as Gradle lays it out
        source_file=SUITE_FILE,
        files={"HarnessSuite.java": SUITE},
        compile=(
            "/usr/bin/sh", "-c",
            f"exec {' '.join(COMPILER)} -proc:none -nowarn -encoding UTF-8 -d out -cp {LIBRARIES}:{FRAMEWORK}"
            " HarnessSuite.java src/main/java/*.java src/test/java/*.java",
        ),
        run=(*JAVA[:-1], "{build}:" + FRAMEWORK, "-ea", "HarnessSuite", "{build}"),
        assertion_signs=("AssertionError", "AssertionFailedError"),
    ),
    runtime_mib=256,
    names=names,
    memory_signs=("java.lang.OutOfMemoryError",),
)  # fmt: skip
