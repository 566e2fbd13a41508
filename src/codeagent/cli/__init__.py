"""The command line: parses arguments, builds objects, picks a front end."""
