"""Transport only: HTTP and the command line around `placement`."""
