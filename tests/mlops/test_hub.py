import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlops.hub import Hub


@pytest.fixture
def github():
    """GitHub's part in a dispatch: the repository, its workflow retrain.yml, and what was started."""
    started = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, {"default_branch": "main", "url": "/repos/o/r"})

        def do_POST(self):
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/repos/o/r/actions/workflows/retrain.yml/dispatches":
                return self.answer(404, {"message": "Not Found"})
            started.append(content)
            return self.answer(204, None)

        def answer(self, status, content):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b"" if content is None else json.dumps(content).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    hub = Hub.connect({"GITHUB_TOKEN": "t", "GITHUB_API_URL": address, "GITHUB_REPOSITORY": "o/r"})
    yield hub, started
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_workflow_of_the_default_branch_is_started_with_its_inputs(github):
    hub, started = github
    assert hub.start("retrain.yml", reason="drift") == "retrain.yml was started"
    assert started == [{"ref": "main", "inputs": {"reason": "drift"}}]


def test_a_workflow_that_is_not_there_is_said_not_to_be_started(github):
    hub, started = github
    assert hub.start("none.yml") == "none.yml wasn't started: GitHub answered 404"
    assert started == []
