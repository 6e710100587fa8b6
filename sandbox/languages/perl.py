"""Perl 5, with its standard modules. `perl -c` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.pl",
    suffixes=(".pl",),
    fence_names=("perl", "pl"),
    family="scripts",
    packages=("perl", "libtest-deep-perl"),
    version_of="perl",
    compile=("/usr/bin/perl", "-c", "main.pl"),
    run=("/usr/bin/perl", "main.pl"),
    memory_signs=("Out of memory!", "Out of memory in perl"),
)
