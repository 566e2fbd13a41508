"""What in a repository matters for a request: pure functions on the arrays of the index; knows no file and no model."""
