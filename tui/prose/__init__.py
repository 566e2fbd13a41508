"""Markdown as one widget that grows line by line; knows no conversation."""
