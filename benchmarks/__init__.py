"""Benchmarks of the planner: instance families, and a runner that measures every backend on them."""
