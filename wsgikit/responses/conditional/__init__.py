"""What a client has already, and the part of it that it asks for: 304, 412, 206."""
