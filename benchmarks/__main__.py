"""Run every benchmark of speed, one after the other: `python -m benchmarks [FACES [CASCADE.xml]]`.

FACES is a folder of pictures for the benchmark of cleaning, which is left out without one.
"""

import subprocess
import sys
from pathlib import Path

SPEED = Path(__file__).parent / "speed"


def main(words: list[str]) -> int:
    """Run all, and return the exit code of the first that failed."""
    faces, cascade = [*words, None, None][:2]
    for file in sorted(SPEED.glob("*.py")):
        given = []
        if file.stem == "clean":
            if faces is None:
                print("clean: left out; name a folder of faces: python -m benchmarks FACES")
                continue
            given = [faces, *(["--cascade", cascade] if cascade else [])]
        print(f"{file.stem}:", flush=True)
        code = subprocess.call([sys.executable, str(file), *given])
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
