"""`python -m roadstead.sandbox.verifier --port N`: runs the simulated provider."""

import sys

from roadstead.sandbox.verifier.process import run
from roadstead.service import lifeline

lifeline.watch()
sys.exit(run(sys.argv[1:]))
