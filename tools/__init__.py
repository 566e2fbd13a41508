"""What the agent can do; knows no agent, model or front end."""
