"""A coordinator in a process of its own, as `callboard serve` starts it, from settings in the environment."""

import os

from callboard.coordinator.config import from_environment, read_config
from callboard.coordinator.serve import run

if __name__ == "__main__":
    run(read_config([from_environment(os.environ)])[0])
