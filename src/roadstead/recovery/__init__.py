"""After a restore: what a backup did not know is read back from bank and chain before any money goes out."""
