"""Taking a run's data and models elsewhere: a folder that the hub's tools read, or the hub."""
