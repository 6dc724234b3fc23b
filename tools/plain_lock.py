"""Takes out of npm's lock files what installs nothing: whom to pay, and every other address. `make lock` runs it."""

import json
import sys
from pathlib import Path
from typing import Final

NOT_NEEDED: Final = ("funding", "resolved", "deprecated")


def main() -> None:
    """Write the named lock files again."""
    for name in sys.argv[1:]:
        file = Path(name)
        lock = json.loads(file.read_text(encoding="utf-8"))
        for package in lock["packages"].values():
            for field in NOT_NEEDED:
                package.pop(field, None)
        file.write_text(json.dumps(lock, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
