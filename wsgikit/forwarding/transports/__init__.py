"""What is spoken with a backend: HTTP/1.1, with or without TLS, uwsgi, SCGI and FastCGI, over TCP and unix sockets."""
