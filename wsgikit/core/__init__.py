"""What every room needs, from the standard library alone."""
