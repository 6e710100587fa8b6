"""Java 17, by javac without annotation processors, and a JVM with the program's memory as its heap."""

from __future__ import annotations

import re

from sandbox.languages import SUITE_FILE, Language, Testing, _image

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
COMPILER = (f"{JVM}/javac", *(f"-J{option}" for option in SMALL), "-J-XX:TieredStopAtLevel=1", "-J-Xmx512m")
# the compiler's classes as the JVM has them in memory, which halves its CPU time; made by compiling a usual program
CLASSES = "/usr/lib/harness/javac.jsa"
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
PREPARE = (
    """set -e; cd /tmp; /usr/bin/python3 -c 'import os; os.makedirs("/usr/lib/harness")'\n"""
    f"echo '{SAMPLE}' > Main.java\n"
    f"{' '.join(COMPILER)} -J-XX:ArchiveClassesAtExit={CLASSES} -proc:none -d /tmp/made Main.java\n"
    + _image.remove(
        "/tmp/*", "/usr/lib/jvm/java-17-openjdk-*/lib/server/classes_nocoops.jsa",
        "/usr/lib/jvm/java-17-openjdk-*/lib/ct.sym",
        "/usr/share/java/junit-platform-console*", "/usr/share/java/byte-buddy-dep*", "/usr/share/maven-repo",
    )
)  # fmt: skip
JAVAC = (
    *COMPILER, f"-J-XX:SharedArchiveFile={CLASSES}",
    "-proc:none", "-encoding", "UTF-8", "-nowarn", "-d", "out", "-cp", LIBRARIES, "{unit}.java",
)  # fmt: skip
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
            f"exec {' '.join(JAVAC[:-2])} {FRAMEWORK} HarnessSuite.java src/main/java/*.java src/test/java/*.java",
        ),
        run=(*JAVA[:-1], "{build}:" + FRAMEWORK, "-ea", "HarnessSuite", "{build}"),
        assertion_signs=("AssertionError", "AssertionFailedError"),
    ),
    runtime_mib=256,
    names=names,
    memory_signs=("java.lang.OutOfMemoryError",),
)  # fmt: skip
