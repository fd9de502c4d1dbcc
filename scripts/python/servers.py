"""Starting servers on loopback and talking HTTP to them, with the standard library only."""

import contextlib
import json
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HOST = "127.0.0.1"


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def request(url, body=None, headers=(), timeout=60):
    """Status and body of a GET, or of a POST when there is a body; an HTTP error is an answer too."""
    message = urllib.request.Request(url, data=body, headers=dict(headers))
    try:
        with urllib.request.urlopen(message, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def post_json(url, value, timeout=60):
    return request(url, json.dumps(value).encode(), {"Content-Type": "application/json"}, timeout)


def is_healthy(url):
    try:
        return request(url + "/", timeout=5) == (200, b"Healthy")
    except OSError:
        return False


def wait_until_healthy(process, url, seconds):
    deadline = time.monotonic() + seconds
    while not is_healthy(url):
        if process.poll() is not None:
            raise RuntimeError(f"it ended with code {process.returncode} instead of serving")
        if time.monotonic() > deadline:
            raise RuntimeError(f"it was not healthy after {seconds} s")
        time.sleep(0.05)


def stop(process, seconds=30):
    """A server has to drain and exit with 0 when it is asked to end."""
    process.send_signal(signal.SIGTERM)
    code = process.wait(seconds)
    if code != 0:
        raise RuntimeError(f"it exited with code {code} after SIGTERM")


@contextlib.contextmanager
def serving(command, port, environment=None, start_seconds=120):
    """Runs a server for the length of a `with` block and gives its URL. Its output is shown only if it fails."""
    url = f"http://{HOST}:{port}"
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            wait_until_healthy(process, url, start_seconds)
            yield url
            stop(process)
        except RuntimeError as error:
            log.seek(0)
            raise RuntimeError(f"{' '.join(map(str, command))}: {error}\n{log.read()[-4000:]}") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def apus_serving(binary, *paths):
    port = free_port()
    return serving([binary, "serve", *paths, "--host", HOST, "--port", str(port), "--no-auth"], port)
