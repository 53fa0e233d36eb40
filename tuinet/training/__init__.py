"""Training a preset: the loop, the worker process that runs it, and the session that a client holds on it."""
