"""The one door of every image: `python -m jobs STAGE --plan KEY`."""

import sys

from jobs.harness import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
