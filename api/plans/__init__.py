"""The life of a plan: accepted, waited for, watched, cancelled, kept, and answered again."""
