"""Looking at what a run made: a page on this machine over the run's store, live while it runs."""
