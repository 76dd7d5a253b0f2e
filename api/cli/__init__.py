"""The command line: `placement`."""
