"""The launcher of programs that have a `main` and are linked with the C library: C, C++, Rust.

It stands between the library's start and `main`, by the linker's --wrap: no constructor of the program runs before the
sign is read, and the sign is given only where `main` itself came back with 0. exit, _exit and quick_exit do
not come by.
"""

from __future__ import annotations

SIGN_FILE = "harness_sign.c"
WRAP = "-Wl,--wrap=__libc_start_main"
ASSERTIONS = ("Assertion `", "panicked at 'assertion failed", "ssertion failed")
# A program that calls the tests' `main` otherwise, or switches `assert` off, does not compile.
END = """
#if defined(main) || defined(NDEBUG)
#error main and assert are those of the tests
#endif
"""
SIGN = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

typedef int (*entry)(int, char **, char **);
extern int __real___libc_start_main(entry, int, char **, void (*)(void), void (*)(void), void (*)(void), void *);
static entry program;
static char sign[64];
static ssize_t length;

static int begin(int count, char **arguments, char **environment) {
    int code = program(count, arguments, environment);
    if (code == 0 && write(4, sign, length) < 0) return 1;
    return code;
}

int __wrap___libc_start_main(entry main, int count, char **arguments, void (*init)(void), void (*fini)(void),
                             void (*rtld_fini)(void), void *stack_end) {
    program = main;
    length = read(5, sign, sizeof sign);
    close(5);
    fcntl(4, F_SETFD, FD_CLOEXEC);
    return __real___libc_start_main(begin, count, arguments, init, fini, rtld_fini, stack_end);
}
"""
