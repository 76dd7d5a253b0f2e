"""Plans as runtimes read them."""

from placement.exports.findings import CannotSay
from placement.exports.writing import export, formats

__all__ = ["CannotSay", "export", "formats"]
