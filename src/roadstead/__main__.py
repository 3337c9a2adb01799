"""Run the command line as `python -m roadstead`."""

from roadstead.cli import main

if __name__ == "__main__":
    main()
