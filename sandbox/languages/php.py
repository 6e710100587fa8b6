"""PHP on the command line. Its own memory limit is that of the program; `php -l` finds what does not parse."""

from __future__ import annotations

from sandbox.languages import Language

LANGUAGE = Language(
    source_file="main.php",
    suffixes=(".php",),
    fence_names=("php",),
    family="scripts",
    packages=("php-cli", "php-mbstring", "php-bcmath", "php-gmp"),
    version_of="php-cli",
    compile=("/usr/bin/php", "-n", "-d", "display_errors=stderr", "-l", "main.php"),
    run=("/usr/bin/php", "-d", "memory_limit={memory_mib}M", "-d", "display_errors=stderr", "main.php"),
    memory_signs=("Allowed memory size of", "Out of memory"),
)
