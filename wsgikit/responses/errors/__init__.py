"""What a client gets when something fails."""
