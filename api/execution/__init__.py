"""Who solves: supervised processes. Knows nothing of HTTP, of what was promised to whom, or of owners."""
