"""What is taken out of an image again, by the last command that is run inside it."""

from __future__ import annotations


def remove(*patterns: str) -> str:
    """A command of the shell that removes files and folders. By Python, for not every image has `rm`."""
    script = (
        "import glob, os, shutil, sys\n"
        "for name in (path for pattern in sys.argv[1:] for path in glob.glob(pattern)):\n"
        "    shutil.rmtree(name) if os.path.isdir(name) and not os.path.islink(name) else os.unlink(name)\n"
    )
    return f"/usr/bin/python3 -c '{script}' " + " ".join(f"'{each}'" for each in patterns)
