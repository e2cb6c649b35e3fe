"""The built-in corpus of university problems: families that generate exercises, and the corpus made of them."""
