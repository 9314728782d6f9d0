"""Fields of the head: set, kept, allowed."""
