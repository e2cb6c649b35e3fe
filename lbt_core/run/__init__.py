"""A run: its configuration, plan, what of it is done and owed, and what it found."""
