"""The engine of a session: loop, gate, transcript, context, headless; knows tools and models, no front end."""
