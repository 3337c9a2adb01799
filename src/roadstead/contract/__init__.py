"""The contract of rails as a test suite, for whoever writes a rail. Needs the extra `roadstead[contract]`."""
