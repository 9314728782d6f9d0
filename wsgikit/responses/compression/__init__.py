"""Answers encoded on their way out."""
