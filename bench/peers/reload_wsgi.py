"""The routes of the reload benchmark for gunicorn."""
import time

SLOW_SECONDS = 0.3
CHUNK = b'x' * 1024
CHUNKS = 11
GAP_SECONDS = 0.05


def stream():
    for sent in range(CHUNKS):
        if sent > 0:
            time.sleep(GAP_SECONDS)
        yield CHUNK


def app(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/stream':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return stream()
    if path == '/slow':
        time.sleep(SLOW_SECONDS)
    body = {'/ping': b'pong', '/slow': b'slow'}.get(path)
    if body is None:
        start_response('404 Not Found', [('Content-Length', '0')])
        return []
    start_response('200 OK', [('Content-Type', 'text/plain'), ('Content-Length', str(len(body)))])
    return [body]
