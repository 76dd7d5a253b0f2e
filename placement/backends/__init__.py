"""Solvers of one task; blind siblings, registered in `placement.backends.registry`."""
