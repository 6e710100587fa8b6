"""Rust 2021, by rustc with -O. The standard library is linked dynamically, and the program is one unit of code.

The first halves the linker's work; the second saves a quarter of the CPU time: units are translated side by side, which
is of use with more than one processor only.
"""

from __future__ import annotations

from sandbox.languages import SUITE_FILE, Language, Testing, _image, _native

LINK = ("-C", "prefer-dynamic", "-C", "linker=/usr/bin/gcc")
LIBRARIES = "/usr/lib/harness/rust"
EXTERNS = f"-L {LIBRARIES} --extern rand --extern regex --extern md5"
SIGN = "/usr/lib/harness/sign.o"
# The linker asks for a function that only the end of the text has: a text that leaves itself out is not linked.
END = '\n#[no_mangle]\npub extern "C" fn harness_end() {}\n'
GUARD = "const _: () = ();\n"  # what a text has as its last attribute belongs to this, and not to its tests
# in place of the `main` that runs the tests a program could have one of its own
OWN_MAIN = 'case "$(cat main.rs)" in *no_main*) echo "main.rs: no_main leaves the tests out" >&2; exit 1; esac'
# the three crates that published tests name, with what they need: by hand, without cargo
CRATES = f"""
set -e
L={LIBRARIES}
mkdir -p $L
one() {{
  name=$1 from=$(echo /usr/share/cargo/registry/$2-[0-9]*)
  shift 2
  case "$*" in *--edition*) ;; *) set -- --edition=2018 "$@" ;; esac
  rustc --crate-type=rlib --crate-name=$name -C opt-level=1 --sysroot=/usr --cap-lints=allow -L $L --out-dir=$L "$@" $from/src/lib.rs
}}
one cfg_if cfg-if
one libc libc --edition=2015 --cfg 'feature="std"' --cfg libc_priv_mod_use --cfg libc_union --cfg libc_const_size_of \\
  --cfg libc_align --cfg libc_int128 --cfg libc_core_cvoid --cfg libc_packedN --cfg libc_cfg_target_vendor \\
  --cfg libc_non_exhaustive --cfg libc_underscore_const_names --cfg libc_ptr_addr_of --cfg libc_const_extern_fn
one getrandom getrandom --cfg 'feature="std"' --extern cfg_if=$L/libcfg_if.rlib --extern libc=$L/liblibc.rlib
one rand_core rand_core --cfg 'feature="std"' --cfg 'feature="alloc"' --cfg 'feature="getrandom"' --extern getrandom=$L/libgetrandom.rlib
one ppv_lite86 ppv-lite86 --cfg 'feature="std"' --cfg 'feature="simd"'
one rand_chacha rand_chacha --cfg 'feature="std"' --extern rand_core=$L/librand_core.rlib --extern ppv_lite86=$L/libppv_lite86.rlib
one rand rand --cfg 'feature="std"' --cfg 'feature="std_rng"' --cfg 'feature="alloc"' --cfg 'feature="getrandom"' \\
  --cfg 'feature="libc"' --cfg 'feature="rand_chacha"' --extern rand_core=$L/librand_core.rlib --extern rand_chacha=$L/librand_chacha.rlib --extern libc=$L/liblibc.rlib
one regex_syntax regex-syntax --cfg 'feature="unicode"' --cfg 'feature="unicode-age"' --cfg 'feature="unicode-bool"' \\
  --cfg 'feature="unicode-case"' --cfg 'feature="unicode-gencat"' --cfg 'feature="unicode-perl"' \\
  --cfg 'feature="unicode-script"' --cfg 'feature="unicode-segment"'
one regex regex --cfg 'feature="std"' --cfg 'feature="unicode"' --cfg 'feature="unicode-age"' \\
  --cfg 'feature="unicode-bool"' --cfg 'feature="unicode-case"' --cfg 'feature="unicode-gencat"' \\
  --cfg 'feature="unicode-perl"' --cfg 'feature="unicode-script"' --cfg 'feature="unicode-segment"' --extern regex_syntax=$L/libregex_syntax.rlib
one md5 md5 --edition=2015 --cfg 'feature="std"'
rm -r /usr/share/cargo
echo '{_native.SIGN}' > /tmp/sign.c
/usr/bin/gcc -c -o {SIGN} /tmp/sign.c
"""  # noqa: E501


# what only static programs, compilers in C and macros that are programs need: the rest is linked dynamically
UNUSED = _image.remove(
    "/tmp/*", "/usr/lib/gcc/*/*/cc1", "/usr/include/*",
    *(f"/usr/lib/rustlib/*/lib/lib{name}-*.rlib" for name in ("std", "test", "proc_macro")),
)  # fmt: skip


def _names(source: str) -> dict[str, str]:
    """Functions that are marked as tests have a `main` from the compiler, which runs them."""
    return {"harness": "--test" if "#[test]" in source else "--cfg=tested"}


# the library, then each file of tests, as cargo does
SUITE = f"""
set -e
while read -r key is value; do
  [ "$key$is$name" = name= ] && name=$(echo $value | tr -d '"' | tr - _)
done < Cargo.toml
R="/usr/bin/rustc --edition=2021 -C overflow-checks {" ".join(LINK)} --color=never --cap-lints=allow"
$R --crate-type=rlib --crate-name=$name {EXTERNS} -o lib$name.rlib src/lib.rs
for file in tests/*.rs; do
  $R --test --extern $name=lib$name.rlib {EXTERNS} -C link-arg={SIGN} -C link-arg=-lc \\
    -C link-arg={_native.WRAP} -o out/$(basename $file .rs) $file
done
"""
# all of them must give the sign, for which each is handed it anew
RUN = """
sign=$(cat <&5)
for file in $1/*; do
  if [ $file = "$1/*" ]; then exit 1; fi
  given=$(printf %s $sign | { exec 5<&0 0</dev/null; $file --include-ignored 4>&1 >&2; }) || exit $?
  if [ "$given" != $sign ]; then exit 0; fi
done
printf %s $sign >&4
"""


LANGUAGE = Language(
    source_file="main.rs",
    suffixes=(".rs",),
    fence_names=("rust", "rs"),
    family="rust",
    packages=("rustc", "gcc", "libc6-dev", "librust-rand-dev", "librust-regex-dev", "librust-md5-dev", "coreutils"),
    prepare=CRATES + UNUSED,
    version_of="rustc",
    compile=(
        "/usr/bin/rustc", "--edition=2021", "-O", "-C", "codegen-units=1", *LINK, "--color=never", "-o", "out/main",
        "main.rs",
    ),
    run=("{build}/main",),
    testing=Testing(
        files={},
        compile=(
            "/usr/bin/sh", "-c",
            f"{OWN_MAIN}; exec /usr/bin/rustc {{harness}} --edition=2021 -C overflow-checks {' '.join(LINK)}"
            f" --color=never --cap-lints=allow -C link-arg={SIGN} -C link-arg=-lc -C link-arg={_native.WRAP}"
            f" -C link-arg=-Wl,--require-defined=harness_end {EXTERNS} -o out/main main.rs",
        ),
        run=("{build}/main",),
        environment={"RUST_TEST_THREADS": "1"},
        assertion_signs=_native.ASSERTIONS,
        names=_names,
        guard=GUARD,
        end=END,
    ),
    suite=Testing(  # a crate as cargo lays it out, with its integration tests
        source_file=SUITE_FILE,
        files={"harness_suite.sh": SUITE, "harness_run.sh": RUN},
        compile=("/usr/bin/sh", "harness_suite.sh"),
        run=("/usr/bin/sh", "harness_run.sh", "{build}"),
        environment={"RUST_TEST_THREADS": "1"},
        assertion_signs=_native.ASSERTIONS,
    ),
    memory_signs=("memory allocation of", "capacity overflow"),
)  # fmt: skip
