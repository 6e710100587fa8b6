"""PHP on the command line. Its own memory limit is that of the program; `php -l` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language, Testing

CHECK = ("/usr/bin/php", "-n", "-d", "display_errors=stderr", "-l", "main.php")
# runs the program, and gives the sign where it came to its end
LAUNCHER = r"""<?php
$__harness = (function () {
    $sign = stream_get_contents(fopen('php://fd/5', 'r'));
    $out = fopen('php://fd/4', 'w');
    return function () use ($sign, $out) { fwrite($out, $sign); };
})();
require './main.php';
if (isset($__harness_end)) $__harness();
"""
LANGUAGE = Language(
    source_file="main.php",
    suffixes=(".php",),
    fence_names=("php",),
    family="scripts",
    packages=("php-cli", "php-mbstring", "php-bcmath", "php-gmp"),
    version_of="php-cli",
    compile=CHECK,
    testing=Testing(
        files={"harness_launcher.php": LAUNCHER},
        compile=CHECK,
        run=("/usr/bin/php", "-d", "memory_limit={memory_mib}M", "-d", "display_errors=stderr", "harness_launcher.php"),
        assertion_signs=("Test failed!", "assert statement", "AssertionError"),
        end="\n;$__harness_end = true;\n",
    ),
    run=("/usr/bin/php", "-d", "memory_limit={memory_mib}M", "-d", "display_errors=stderr", "main.php"),
    memory_signs=("Allowed memory size of", "Out of memory"),
)
