"""`gunicorn`, without a word more, in this folder: it reads this file, and serves wsgi:application to nginx."""

import os

run = os.environ.get("RUNTIME_DIRECTORY", "/run/gateway")

wsgi_app = "wsgi:application"
bind = f"unix:{run}/gateway.sock"
umask = 0o007  # the socket is for our user and our group, which nginx is in
worker_tmp_dir = "/dev/shm"  # a heartbeat that waits for a disk is taken for a dead worker

workers = int(os.environ.get("WEB_CONCURRENCY", "0")) or 2 * (os.cpu_count() or 1)
threads = 8  # ConcurrencyLimit in wsgi.py leaves one of them free
backlog = 1024
timeout = 60  # of a worker that shows no sign of life; Watchdog tells about the requests that hang
graceful_timeout = 30  # as long as systemd waits, and a little less

# Imported in each worker, so that a reload (SIGHUP) brings new code without closing the socket.
preload_app = False

# HeaderLimit answers, with a reason and a line in the log, so gunicorn takes a little more than that.
limit_request_line = 8190
limit_request_field_size = 16380
limit_request_fields = 128

accesslog = None  # AccessLog writes the lines
errorlog = "-"
control_socket = f"{run}/gunicorn.ctl"  # for gunicornc; before 25.1 there was none
