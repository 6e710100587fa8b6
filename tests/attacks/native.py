"""A C program that asks the kernel for what it must not have, by raw system calls of x86-64: what it gets it prints."""

from __future__ import annotations

# name -> number and arguments of a system call, each of which must be refused
CALLS = {
    "the network": "41, 2, 1, 0",
    "the network over IPv6": "41, 10, 1, 0",
    "packets": "41, 17, 3, 0",
    "the host's sockets (vsock)": "41, 40, 1, 0",
    "netlink": "41, 16, 3, 0",
    "tracing of the supervisor": "101, 16, 1, 0, 0",
    "memory of the supervisor": "310, 1, &place, 1, &place, 1, 0",
    "descriptors of the supervisor": "438, 3, 0, 0",
    "a signal to the supervisor": "62, 1, 9",
    "limits of the supervisor": "302, 1, 7, &place, 0",
    "keyrings": '248, "user", "x", "y", 1, -3',
    "kernel programs": "321, 0, buffer, 72",
    "io_uring": "425, 1, buffer",
    "user faults": "323, 1",
    "performance counters": "298, buffer, 0, -1, -1, 0",
    "memory files": '319, "x", 0',
    "secret memory": "447, 0",
    "shared memory": "29, 0, 4096, 01600",
    "message queues": '240, "x", 0102, 0600, 0',
    "a mount": '165, "x", "/tmp", "tmpfs", 0, 0',
    "a mount by descriptor": '430, "tmpfs", 0',
    "a new user namespace": "272, 0x10000000",
    "a clone in a new user namespace": "56, 0x10000011, 0, 0, 0, 0",
    "another root": '161, "/tmp"',
    "another root (pivot)": '155, "/tmp", "/tmp"',
    "another namespace": "308, 0, 0",
    "root": "105, 0",
    "root as group": "106, 0",
    "kernel modules": '175, buffer, 0, ""',
    "a reboot": "169, 0xfee1dead, 672274793, 0x1234567, 0",
    "the clock": "227, 0, buffer",
    "the host's name": '170, "x", 1',
    "a device": '133, "device", 020666, 0x101',
    "swap": '167, "/tmp/x", 0',
    "the idle class": "144, 0, 5, &place",
    "handles of files": '303, 0, "/", buffer, &place, 0',
    "the kernel's log": "103, 3, buffer, 100",
    "I/O ports": "172, 3",
    "the root file system": '2, "/usr/x", 0101, 0600',
    "what was compiled": '2, "/build/out/x", 0101, 0600',
    "what was compiled before": '2, "/build/kept", 0, 0',
    "the supervisor's environment": '2, "/proc/1/environ", 0, 0',
    "the supervisor's memory by file": '2, "/proc/1/mem", 2, 0',
    "the kernel's switches": '2, "/proc/sys/kernel/core_pattern", 1, 0',
    "the magic key": '2, "/proc/sysrq-trigger", 1, 0',
}
SOURCE = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/syscall.h>

static char buffer[256];
static long place[4];

static void ask(const char *name, long answer) {
    int refused = answer < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS || errno == EROFS
        || errno == EAFNOSUPPORT || errno == ENOENT);
    if (!refused) printf("%s: %ld, errno %d\\n", name, answer, answer < 0 ? errno : 0);
}

int main(void) {
@CALLS@
    puts("asked all");
}
""".replace("@CALLS@", "\n".join(f'    errno = 0; ask("{name}", syscall({call}));' for name, call in CALLS.items()))
# What a compiler is asked for, which runs in the sandbox too: texts that must not compile, and show nothing.
GO = "package main\n\nimport (%s)\n\n"
COMPILERS = {
    "cpp": {
        "the supervisor's environment": '#include "/proc/1/environ"\nint main() {}',
        "an earlier result": '#include "/build/kept"\nint main() {}',
        "a file of the assembler": 'asm(".incbin \\"/proc/1/environ\\""); int main() {}',
        "the judge's memory": 'asm(".incbin \\"/proc/1/mem\\""); int main() {}',
        "macros without end": "#define A B B\n#define B C C\n" + "".join(
            f"#define {chr(67 + at)} {chr(68 + at)} {chr(68 + at)} {chr(68 + at)} {chr(68 + at)}\n" for at in range(20)
        ) + "int main() { A; }",
        "templates without end": "template <class A, class B> struct T { using X = typename T<T<A, B>, T<B, A>>::X; };\nint main() { T<int, char>::X x; }",
        "an array of 4 GB": "char a[4L << 30] = {1};\nint main() { return a[9]; }",
        "a line of another file in a message": '#line 1 "/proc/1/environ"\nint main() { return x; }',
        "a file without end": '#include "/dev/zero"\nint main() {}',
        "itself without end": "#include __FILE__\nint main() {}",
        "an earlier result by the assembler": 'asm(".incbin \\"/build/kept\\""); int main() {}',
        "a calculation without end": "constexpr int f(int n) { return n ? f(n - 1) + f(n - 1) : 0; }\nstatic_assert(f(60) == 0, \"\");\nint main() {}",
        "errors without end": "int main() {" + " x;" * 100_000 + " }",
    },
    "rust": {
        "the supervisor's environment": 'fn main() { print!("{}", include_str!("/proc/1/environ")); }',
        "an earlier result": 'fn main() { print!("{}", include_bytes!("/build/kept").len()); }',
        "a module elsewhere": '#[path = "/proc/1/environ"]\nmod m;\nfn main() {}',
        "its own environment": 'fn main() { print!("{}", env!("SECRET")); }',
        "types without end": "struct A<T>(T);\nfn f<T>(n: u8, x: T) { if n > 0 { f(n - 1, A(x)) } }\nfn main() { f(9, 0) }",
        "macros without end": "macro_rules! m { ($($t:tt)*) => { m!($($t)* $($t)* x) } }\nfn main() { m!(x) }",
        "its text": 'include!("/proc/1/environ"); fn main() {}',
        "a library elsewhere": '#[link(name = "/proc/1/environ", kind = "static")] extern "C" {}\nfn main() {}',
        "a calculation without end": "const fn f() -> u64 { let mut n = 0; loop { n += 1; if n == u64::MAX { return n } } }\nconst A: u64 = f();\nfn main() { print!(\"{}\", A) }",
        "a part of the compiler": "extern crate proc_macro;\n#[proc_macro]\npub fn m(x: proc_macro::TokenStream) -> proc_macro::TokenStream { loop {} }\nfn main() {}",
        "an array of 4 GB": "static A: [u8; 4 << 30] = [1; 4 << 30];\nfn main() { print!(\"{}\", A[std::env::args().count()]); }",
    },
    "go": {
        "the supervisor's environment": GO % '_ "embed"' + "//go:embed /proc/1/environ\nvar s string\n\nfunc main() { print(s) }",
        "a flag of the linker": '//go:cgo_ldflag "-Wl,/proc/1/environ"\n' + GO % "" + "func main() {}",
        "an array of 4 GB": GO % "" + "var a = [4 << 30]byte{1: 1, 4<<30 - 1: 1}\n\nfunc main() { print(a[9]) }",
        "an earlier result": GO % '_ "embed"' + "//go:embed /build/kept\nvar s string\n\nfunc main() { print(s) }",
        "the C compiler": GO % '"C"' + "func main() {}",
        "instances without end": GO % "" + "func f[T any](n int) { if n > 0 { f[[]T](n - 1) } }\n\nfunc main() { f[int](3) }",
        "a type without end": GO % "" + "type T struct { t T }\n\nfunc main() { var t T; _ = t }",
    },
    "typescript": {
        "the supervisor's environment": "import x from '/proc/1/environ'; console.log(x)",
        "the same as a text": "import x from '/proc/1/environ' with { type: 'text' }; console.log(x)",
        "an earlier result": "import * as x from '/build/kept'; console.log(x)",
        "brackets without end": "const x = " + "(" * 200_000,
        "a path of its settings": (
            "import x from 'x'; console.log(x)",
            {"tsconfig.json": '{"compilerOptions": {"baseUrl": "/", "paths": {"x": ["/proc/1/environ"]}}}'},
        ),
        "settings elsewhere": (
            "import x from 'x'; console.log(x)", {"tsconfig.json": '{"extends": "/proc/1/environ"}'},
        ),
        "a package elsewhere": (
            "import x from './x'; console.log(x)", {"x/package.json": '{"main": "/proc/1/environ"}'},
        ),
    },
    "java": {
        "a string of 4 GB": "class Main { static final String A = " + " + ".join(['"' + "x" * 1000 + '"'] * 10)
        + ";\n" + "".join(f"static final String A{n} = {' + '.join([f'A{n - 1}' if n else 'A'] * 10)};\n" for n in range(9))
        + "public static void main(String[] args) { System.out.println(A8); } }",
        "brackets without end": "class Main { int x = " + "(" * 100_000 + "1" + ")" * 100_000 + "; }",
        "a processor of annotations by its file": (
            "class Main { int f( }",
            {"META-INF/services/javax.annotation.processing.Processor": "Main", "javac": "@/proc/1/environ"},
        ),
        "a processor of annotations elsewhere": "@Deprecated class Main extends javax.annotation.processing.AbstractProcessor { int f( }",
    },
    "csharp": {
        "a key elsewhere": '[assembly: System.Reflection.AssemblyKeyFile("/proc/1/environ")] class P { static void Main() {} }',
        "a line of another file in a message": '#line 1 "/proc/1/environ"\nclass P { static void Main() { x } }',
        "brackets without end": "class P { static int x = " + "(" * 100_000 + "1" + ")" * 100_000 + "; static void Main() {} }",
    },
    "perl": {  # its check runs blocks that begin a program
        "the supervisor's environment": "BEGIN { open my $f, '<', '/proc/1/environ' and print STDERR <$f>; die 'no' }",
        "an earlier result": "BEGIN { opendir my $f, '/build/kept' and print STDERR 'PATH=', readdir $f; die 'no' }",
        "processes without end": "BEGIN { while (1) { defined(fork) or die 'no' } }",
        "a gigabyte of result": "BEGIN { mkdir 'out'; for my $n (1 .. 9) { open my $f, '>', \"out/$n\" or die; for (1 .. 2) { print $f 'x' x 1e7 or die } close $f or die } }",
        "more files than there may be": "BEGIN { for my $n (1 .. 2000) { open my $f, '>', \"out/$n\" or die } }",
        "links out of its folder": "BEGIN { symlink '/proc/1/environ', 'out/a' or die }",
    },
}  # fmt: skip
RIGHT = {
    "cpp": "int main() {}",
    "rust": "fn main() {}",
    "go": GO % "" + "func main() {}",
    "typescript": "const x: number = 1; console.log(x)",
    "java": "class Main { public static void main(String[] args) {} }",
    "csharp": "class P { static void Main() {} }",
    "perl": "print 1;",
}
COMPILERS["typescript_checked"] = COMPILERS["typescript"] | {
    "a reference to another file": '/// <reference path="/proc/1/environ" />\nconst x = 1',
    "types from elsewhere": '/// <reference types="/build/kept" />\nconst x: typeof import("/proc/1/environ") = 1',
}
RIGHT["typescript_checked"] = RIGHT["typescript"]
