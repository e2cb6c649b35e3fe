"""What measured figures are worth: estimators, intervals, tests, diagnostics of scores."""
