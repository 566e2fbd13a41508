"""What the model is shown before it asks; knows the workspace, no front end."""
