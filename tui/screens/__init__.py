"""The screens beside the conversation: models, sessions, settings, keys, themes; each returns a result and does not
know the app.
"""
