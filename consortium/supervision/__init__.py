"""What members and the regulator state, order and show outside of queries: statements, inspections, cases."""
