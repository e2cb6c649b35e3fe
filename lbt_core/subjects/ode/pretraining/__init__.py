"""Pretraining of the embedded tiny model on worked differential equations."""
