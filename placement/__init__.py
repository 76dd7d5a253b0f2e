"""The optimizer: from a request to a proven plan. Pure functions; clocks, limits and callbacks are passed in."""
