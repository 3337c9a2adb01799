"""`python -m roadstead.sandbox.bank --port N`: runs the simulated bank."""

import sys

from roadstead.sandbox.bank.process import run
from roadstead.service import lifeline

lifeline.watch()
sys.exit(run(sys.argv[1:]))
