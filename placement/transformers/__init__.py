"""Transformers to layer profiles: Hugging Face configs, catalogue names, or layers given outright."""

from placement.transformers.derivation import profile

__all__ = ["profile"]
