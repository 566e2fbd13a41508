"""A language model behind one protocol, and the runner process; knows no tools, agent or front end."""
