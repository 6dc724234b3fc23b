"""`python -m callboard`: the same as the command `callboard`, also for children that we start."""

from callboard.cli.main import main

if __name__ == "__main__":
    main()
