"""`python -m roadstead.sandbox.network`: the offline network as a process."""

import sys

from .process import main

if __name__ == "__main__":
    sys.exit(main())
