"""One task solved several ways in copies of the workspace, and the best of them made the session's; shows nothing."""
