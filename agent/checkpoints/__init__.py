"""The states of files before and after what the agent did, kept outside the workspace; knows no turn and no tool."""
