"""Theorems: invariants that hold for every size, and their certificates."""
