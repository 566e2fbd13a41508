"""The prompt: a multi-line editor with history, completion and folded pastes; knows nothing of sessions or models."""
