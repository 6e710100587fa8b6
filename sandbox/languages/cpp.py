"""C++17, by g++ with -O2: what the field's judges compile with."""

from __future__ import annotations

from sandbox.languages import SUITE_FILE, Language, Testing, _native

# the one header that includes all of the library, read once: what begins with it compiles in a third of the time
HEADER = "for h in /usr/include/*/c++/*/bits/stdc++.h; do /usr/bin/g++ -x c++-header -std=c++17 -O2 -o $h.gch $h; done"
CATCH = "/usr/lib/harness/catch_main.o"  # Catch2 with its `main`, which takes ten seconds to compile
CATCH_MAIN = (
    "mkdir -p /usr/lib/harness && echo '#include <catch2/catch.hpp>'"
    f" | /usr/bin/g++ -x c++ -std=c++17 -DCATCH_CONFIG_MAIN -c -o {CATCH} -"
)
LANGUAGE = Language(
    source_file="main.cpp",
    suffixes=(".cpp", ".cc", ".cxx"),
    fence_names=("cpp", "c++", "cc", "cxx"),
    other_names=("g++", "cplusplus"),
    family="native",
    packages=("g++", "libc6-dev", "libboost1.74-dev", "libssl-dev", "catch2", "coreutils"),
    prepare=f"{HEADER}; {CATCH_MAIN}",
    version_of="g++",
    compile=("/usr/bin/g++", "-std=c++17", "-O2", "-o", "out/main", "main.cpp"),
    run=("{build}/main",),
    testing=Testing(
        files={_native.SIGN_FILE: _native.SIGN},
        compile=(
            "/usr/bin/g++", "-std=c++17", "-O2", "-o", "out/main", "main.cpp", "-x", "c", _native.SIGN_FILE,
            _native.WRAP, "-x", "none", "-lcrypto",
        ),
        run=("{build}/main",),
        assertion_signs=_native.ASSERTIONS,
        end=_native.END,
    ),
    suite=Testing(  # all files of one folder, with Catch2
        source_file=SUITE_FILE,
        files={_native.SIGN_FILE: _native.SIGN},
        compile=(
            "/usr/bin/sh", "-c",
            "exec /usr/bin/g++ -std=c++17 -pthread -DEXERCISM_RUN_ALL_TESTS -DEXERCISM_TEST_SUITE -o out/main"
            f" *.cpp {CATCH} -x c {_native.SIGN_FILE} {_native.WRAP}",
        ),
        run=("{build}/main",),
        assertion_signs=("FAILED:",),
    ),
    memory_signs=("std::bad_alloc", "std::bad_array_new_length"),
)  # fmt: skip
