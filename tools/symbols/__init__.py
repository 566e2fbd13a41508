"""What source files define and use, found by tree-sitter; knows one file at a time, no index and no agent."""
