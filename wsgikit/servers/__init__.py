"""Servers as they are: what each bends in environ and in the answer, put right by one layer outside all others."""
