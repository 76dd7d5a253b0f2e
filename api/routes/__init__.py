"""The endpoints, one module per tag; each builds a router around the shared `Service`."""
