"""What the person sees and decides when a call needs approval: diffs, hunks, commands; knows no session."""
