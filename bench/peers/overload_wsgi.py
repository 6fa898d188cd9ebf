"""The routes of the overload benchmark for Flask on gunicorn's gevent worker."""
import hashlib
import os
import sys
import time


def compute(iterations):
    hashlib.pbkdf2_hmac('sha256', b'bench', b'salt', max(1, round(iterations)), 32)


def calibrate():
    """How many iterations of PBKDF2 take a millisecond here: the median of 15 tries."""
    tries = []
    for _ in range(15):
        start = time.perf_counter()
        compute(20_000)
        tries.append((time.perf_counter() - start) * 1000)
    return round(20_000 / sorted(tries)[7])


if __name__ == '__main__':
    print(calibrate())
    sys.exit(0)

import flask  # noqa: E402

app = flask.Flask(__name__)
per_ms = float(os.environ['BENCH_ITERATIONS_PER_MS'])


@app.route('/cpu')
def cpu():
    compute(2 * per_ms)
    return {'ok': True}
