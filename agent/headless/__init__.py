"""The unattended front end: one task in, a result object and an exit code out; knows no terminal and asks nobody."""
