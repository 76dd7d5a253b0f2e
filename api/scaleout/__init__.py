"""Solving on more machines than one: a queue in PostgreSQL, workers that take from it, and what remains with the API.

Knows execution, the store and the queue (Procrastinate); what an ending means for a plan is told to it (`Meaning`).
"""
