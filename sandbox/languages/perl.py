"""Perl 5, with its standard modules. `perl -c` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language, Testing

CHECK = ("/usr/bin/perl", "-c", "main.pl")
# runs the program, and gives the sign where it came to its end
LAUNCHER = r"""
use strict;
open(my $in, '<&=', 5) or die;
my $sign = <$in>;
close $in;
open(my $out, '>&=', 4) or die;
$0 = 'main.pl';
package main;
my $read = 0;
sub __harness_end { $read = 1 }
do './main.pl';
die $@ if $@;
print $out $sign if $read;
close $out;
"""
LANGUAGE = Language(
    source_file="main.pl",
    suffixes=(".pl",),
    fence_names=("perl", "pl"),
    family="scripts",
    packages=("perl", "libtest-deep-perl"),
    version_of="perl",
    compile=CHECK,
    testing=Testing(
        files={"harness_launcher.pl": LAUNCHER},
        compile=CHECK,
        run=("/usr/bin/perl", "harness_launcher.pl"),
        assertion_signs=(),
        end="\n;main::__harness_end();\n",
    ),
    run=("/usr/bin/perl", "main.pl"),
    memory_signs=("Out of memory!", "Out of memory in perl"),
)
