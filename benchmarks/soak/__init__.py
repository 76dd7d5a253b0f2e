"""Minutes of mixed load with a fault every few seconds, and a ledger of every promise: python -m benchmarks.soak."""
