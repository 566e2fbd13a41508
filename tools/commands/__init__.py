"""Judging shell commands before they run: what they are, what they read, what they depend on; starts nothing."""
