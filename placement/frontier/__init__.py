"""The exact energy-latency frontier: which plans no other plan beats in both figures."""
