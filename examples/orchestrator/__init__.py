"""A small orchestrator on `placement.client`: watches link rates, asks again on change, moves only when it pays.

Run it against a service: `python -m examples.orchestrator --url http://127.0.0.1:8000`. Guide: docs/client.md.
"""
