"""A WSGI app with long bodies: POST is answered with the length of its own, and GET /length/N is N bytes."""

BLOCK = bytes(65536)


def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        left = size = int(environ["CONTENT_LENGTH"])
        while left and (block := environ["wsgi.input"].read(min(left, 65536))):
            left -= len(block)
        answer = [b"%d" % (size - left)]
        length = len(answer[0])
    else:
        length = int(environ["PATH_INFO"].rpartition("/")[2])
        answer = (BLOCK for _ in range(length // len(BLOCK)))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(length))])
    return answer
