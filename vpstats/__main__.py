"""Run the command line with ``python -m vpstats``."""

from __future__ import annotations

import sys

from vpstats.cli import main

if __name__ == "__main__":
    sys.exit(main())
