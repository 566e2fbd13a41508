"""The child process that owns the model; speaks frames over pipes."""
