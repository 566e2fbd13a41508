"""The interactive front end; draws session events and sends input, and is the only layer that knows Textual."""
