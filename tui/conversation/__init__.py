"""The conversation as the person sees it: items, their widgets, and the feed that makes them from events."""
