"""URL routing: rules to apps."""
