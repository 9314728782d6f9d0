"""What is spoken with a backend: HTTP/1.1 over TCP and unix sockets."""
