"""Looking back: the changes of a session, and the turns to go back to; knows no model and starts no turn."""
