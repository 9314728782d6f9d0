"""A backend that is a process: it can be killed and frozen, and it counts. Run as: program.py PORT [CERTIFICATE].

It says a line once it listens. Whoever started it writes a number to it, and reads the counts back as soon as no
more connections than that are open; it ends when nobody can write to it any more.

POST and PUT are answered with the length of their body, and at /echo with the body itself as it comes. GET /length/N
and GET /chunks/N are N bytes, in blocks of 64 KiB. All else gets the number of the process.
"""

import json
import os
import socket
import ssl
import sys
import threading

BLOCK = bytes(65536)
CHUNK = b"10000\r\n" + BLOCK + b"\r\n"
PATIENCE = 20.0  # seconds


class Counts:
    def __init__(self):
        self.changed = threading.Condition()
        self.numbers = {"connections": 0, "open": 0, "requests": 0, "checks": 0}

    def add(self, **numbers):
        with self.changed:
            for name, number in numbers.items():
                self.numbers[name] += number
            self.changed.notify_all()

    def saw(self, *, checked):
        """A request, or a check; checks are counted until the first request."""
        if not checked:
            self.add(requests=1)
        elif not self.numbers["requests"]:
            self.add(checks=1)

    def once_open_are(self, most):
        with self.changed:
            self.changed.wait_for(lambda: self.numbers["open"] <= most, PATIENCE)
            return json.dumps(self.numbers)


COUNTS = Counts()


def serve(sock, context):
    try:
        if context is not None:
            sock = context.wrap_socket(sock, server_side=True)
        with sock, sock.makefile("rb", 65536) as reader:
            while answered(sock, reader):
                pass
    except OSError:
        pass  # the other side has left: that is what is counted
    finally:
        sock.close()
        COUNTS.add(open=-1)


def answered(sock, reader):
    """Whether there was a request, and another may follow."""
    line = reader.readline()
    if not line:
        return False
    method, target, _ = line.split()
    fields = {}
    while (line := reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        fields[name.lower()] = value.strip()
    COUNTS.saw(checked=fields.get(b"user-agent") == b"wsgikit-health-check")
    kind, _, size = target.strip(b"/").partition(b"/")
    if kind == b"echo":
        echo(sock, reader, int(fields[b"content-length"]))
    elif method in (b"POST", b"PUT"):
        say(sock, b"%d" % swallowed(reader, fields))
    elif kind in (b"length", b"chunks"):
        produce(sock, int(size), chunked=kind == b"chunks")
    else:
        say(sock, b"%d" % os.getpid())
    return fields.get(b"connection") != b"close"


def swallowed(reader, fields):
    """How many bytes the request's body had."""
    buffer = memoryview(bytearray(65536))
    if b"transfer-encoding" not in fields:
        return read_away(reader, int(fields.get(b"content-length", 0)), buffer)
    total = 0
    while size := int(reader.readline(), 16):
        total += read_away(reader, size, buffer)
        reader.readline()
    reader.readline()
    return total


def echo(sock, reader, left):
    """The answer is on its way before the request is over."""
    sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while left and (block := reader.read1(min(left, 65536))):
        left -= len(block)
        sock.sendall(b"%x\r\n%b\r\n" % (len(block), block))
    sock.sendall(b"0\r\n\r\n")


def read_away(reader, size, buffer):
    left = size
    while left:
        got = reader.readinto(buffer[: min(left, len(buffer))])
        if not got:
            raise ConnectionResetError("the body broke off")
        left -= got
    return size


def produce(sock, size, *, chunked):
    if chunked:
        sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    else:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    for _ in range(size // len(BLOCK)):
        sock.sendall(CHUNK if chunked else BLOCK)
    if chunked:
        sock.sendall(b"0\r\n\r\n")


def say(sock, text):
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))


def accept(listener, context):
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        COUNTS.add(connections=1, open=1)
        threading.Thread(target=serve, args=(sock, context), daemon=True).start()


def main(port, certificate=None):
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(port)))
    listener.listen(128)
    threading.Thread(target=accept, args=(listener, context), daemon=True).start()
    print("listening", flush=True)
    for line in sys.stdin:
        print(COUNTS.once_open_are(int(line)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
