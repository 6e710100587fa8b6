"""Peak memory of features of a folder of pictures, beside that of eight times as many: what grows is the features alone.

    python -m tests.bench.images_memory [--pictures 1000]

Each count runs in a process of its own. The pictures are 128 x 128, 49 kB each in memory; were they kept, eight times
1,000 of them would take 344 MB more.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

SIDE = 128


def peak(folder: Path) -> None:
    """Print the bytes of the features, and the peak of this process."""
    from harness.images.features import extract, open_extractor
    from harness.images.pictures import open_set

    found = extract(open_set(str(folder)), open_extractor("shapes"))
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(found.matrix.nbytes + (0 if found.logits is None else found.logits.nbytes), largest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--of", type=Path, help="measure this folder alone")
    given = parser.parse_args()
    if given.of:
        peak(given.of)
        return
    from harness.images.pictures import png

    rng = np.random.default_rng(0)
    found = []
    for count in (given.pictures, 8 * given.pictures):
        with tempfile.TemporaryDirectory() as name:
            for i in range(min(count, 100)):
                (Path(name) / f"{i:06d}.png").write_bytes(png(rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)))
            for i in range(100, count):  # another name of the same file: it is read and decoded all the same
                os.link(Path(name) / f"{i % 100:06d}.png", Path(name) / f"{i:06d}.png")
            answer = subprocess.run(
                [sys.executable, "-m", "tests.bench.images_memory", "--of", name],
                capture_output=True,
                text=True,
                check=True,
            )
        features, largest = map(int, answer.stdout.split())
        found.append((features, largest))
        print(f"{count:,} pictures: peak {largest / 1e6:.1f} MB, of which {features / 1e6:.1f} MB are features")
    grown = [b - a for a, b in zip(*found, strict=True)]
    print(f"grown by {grown[1] / 1e6:.1f} MB, of which {grown[0] / 1e6:.1f} MB are features; the pictures would be "
          f"{7 * given.pictures * SIDE * SIDE * 3 / 1e6:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
