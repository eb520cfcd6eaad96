"""Measurements behind the numbers of the README: ``python -m benchmarks`` runs them all and prints one table."""
