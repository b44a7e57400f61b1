"""Asking for statistics, as any member that a template lets: lenders, the regulator, observers."""
