"""Predicted against measured: plans run on emulated nodes, and what the cost model said before."""
