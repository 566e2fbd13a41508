"""The index of all symbols of a workspace: kept in SQLite, built by worker processes, kept fresh by watching."""
