"""The command, as `python -m jobs.controller`."""

from jobs.controller.cli import main

if __name__ == "__main__":
    main()
