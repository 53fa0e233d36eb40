"""Runs a network: its program, its gradients, its arena, and the targets that execute it."""
