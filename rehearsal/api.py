"""A small GitHub on loopback, for machines and tests that have none: its REST API as far as the workflows use it.

It stands in for GitHub and keeps GitHub's status codes, shapes and permissions; it runs nothing and sends no events.
Reading needs a permission, too, as in a private repository. `rehearsal.github.routes` is the table of what it
answers, `rehearsal.github.memory` what it knows.

    with GitHub(folder) as hub:
        number = hub.open_pull_request("change", sha)
        token = hub.token({"pull-requests": "write"})  # for GITHUB_TOKEN, beside GITHUB_API_URL = hub.url
"""

import json
import re
import secrets
import threading
from dataclasses import dataclass, replace
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from rehearsal.github import ground
from rehearsal.github.calls import Answer, Call, Refused, paged
from rehearsal.github.memory import Memory
from rehearsal.github.place import Json, Unknown
from rehearsal.github.routes import ROUTES, Row
from rehearsal.record import note

ROOT = "/api/v3"
LIMIT = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
TROUBLE = (Answer({"message": "Server Error"}, 502), Answer({"message": LIMIT}, 403, {"Retry-After": "1"}))
LEVELS = ("none", "read", "write")
PATTERNS = [
    (re.compile(f"{row[0]} {ROOT}" + re.sub("[A-Z]+", lambda word: f"(?P<{word[0].lower()}>[^/]+)", row[1])), row)
    for row in ROUTES
]


@dataclass(frozen=True)
class Request:
    """What was asked (path below the API's root, query included), by whom, and how it was answered."""

    method: str
    path: str
    status: int
    actor: str | None


@dataclass(frozen=True)
class Token:
    """A job's GITHUB_TOKEN: who acts with it, and what its workflow lets it do."""

    actor: str
    permissions: dict[str, str]

    def may(self, scopes: set[str], level: str) -> bool:
        wanted = LEVELS.index(level or "none")
        return not wanted or any(LEVELS.index(self.permissions.get(scope, "none")) >= wanted for scope in scopes)


class GitHub(Memory):
    """The API of one repository, served while the context lasts; every request is in `requests`."""

    def __init__(
        self, folder: Path, repository: str = "owner/project", bare: Path | None = None, private: bool = False
    ) -> None:
        self.server_socket = _Server(("127.0.0.1", 0), _Handler)
        self.server_socket.hub = self
        url = f"http://127.0.0.1:{self.server_socket.server_port}{ROOT}"
        super().__init__(folder, repository, bare, private, url)
        self.requests: list[Request] = []
        self.tokens: dict[str, Token] = {}
        self.trouble: list[Answer] = []  # what the next requests are answered with, in place of what they ask for
        self.troubled_after = 0  # so many requests of PyGithub there is trouble, which it waits out; 0 is never
        self._asked = 0

    def __enter__(self) -> "GitHub":
        threading.Thread(target=self.server_socket.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server_socket.shutdown()
        self.server_socket.server_close()

    def token(self, permissions: dict[str, str], actor: str = "github-actions[bot]") -> str:
        """A new token with these permissions, named as in a workflow: ``{"pull-requests": "write"}``."""
        wrong = [f"{scope}: {level}" for scope, level in permissions.items() if level not in LEVELS]
        if wrong:
            raise ValueError(f"permissions: '{wrong[0]}' is none of {', '.join(LEVELS)}")
        token = f"ghs_{secrets.token_hex(18)}"
        self.tokens[token] = Token(actor, dict(permissions))
        return token

    def grant(self, token: str, permissions: dict[str, str]) -> None:
        """From now on a token has these permissions alone: those of the job that runs."""
        self.tokens[token] = replace(self.tokens[token], permissions=dict(permissions))

    def delete(self, token: str) -> None:
        """A person's token; the deploy keys that it made go with it."""
        actor = self.tokens.pop(token).actor
        with self.change():
            self.known["keys"] = [key for key in self.known["keys"] if key["added_by"] != actor]

    def respond(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        """Answer one request, its content encoded, and remember it."""
        scheme, _, secret = headers.get("Authorization", "").partition(" ")
        token = self.tokens.get(secret) if scheme.lower() in ("bearer", "token") else None
        with self.lock:
            if self.troubled_after and headers.get("User-Agent", "").startswith("PyGithub"):
                asked = self._asked = self._asked + 1
                self.trouble += [TROUBLE[asked // self.troubled_after % 2]] * (asked % self.troubled_after == 0)
            try:
                answer = self.trouble.pop(0) if self.trouble else self._allowed(method, target, token, body)
            except (Refused, Unknown) as error:
                refused = error if isinstance(error, Refused) else Refused(404, "Not Found")
                answer = Answer(refused.content, refused.status, refused.headers)
            self.requests.append(
                Request(method, target.removeprefix(ROOT), answer.status, token.actor if token else None)
            )
            content = b"" if answer.content is None else json.dumps(answer.content).encode()  # before others change it
            note(request=exchanged(method, target.removeprefix(ROOT), body, answer))
        return replace(answer, content=content)

    def _allowed(self, method: str, target: str, token: Token | None, body: bytes) -> Answer:
        if token is None:
            raise Refused(401, "Bad credentials")
        address = urlsplit(target)
        (_, path, scope, level, function), words = _route(method, address.path)
        if "repo" in words and f"{words['owner']}/{words['repo']}".lower() != self.repository.lower():
            raise Unknown(address.path)
        scopes = self._scopes(scope, words)
        if not token.may(scopes, level):
            refused = Refused(403, "Resource not accessible by integration")
            rights = "; ".join(f"{name.replace('-', '_')}={level}" for name in sorted(scopes))
            refused.headers["X-Accepted-GitHub-Permissions"] = rights
            raise refused
        is_file = address.path.endswith("/assets")
        content = {} if is_file else _object(body)
        call = Call(words, dict(parse_qsl(address.query)), content, token.actor, body if is_file else b"")
        if method == "GET":
            answer = paged(function(self, call), f"{self.url.removesuffix(ROOT)}{address.path}", call.query)
        else:
            with self.change():
                answer = function(self, call)
        return replace(answer, content=ground.answered(f"{method} {path}", answer.content))

    def _scopes(self, scope: str, words: dict[str, str]) -> set[str]:
        """Permissions of which one suffices."""
        if scope != "talk":
            return {scope}
        number = words.get("number")
        for comment in self.known["comments"]:
            if str(comment["id"]) == words.get("comment"):
                number = comment["issue_url"].rpartition("/")[2]
        alone = [str(issue["number"]) for issue in self.known["issues"] if "pull_request" not in issue]
        return {"issues"} if number in alone else {"issues", "pull-requests"}

    def blob(self, path: str, headers: Message) -> bytes | None:
        """What the storage holds at this address; like the real one it refuses a request that carries a token."""
        artifact = self.blobs.get(path.removeprefix("/storage/").removesuffix(".zip"))
        if artifact is None or "Authorization" in headers:
            return None
        return (self.folder / "artifacts" / f"{artifact}.zip").read_bytes()


def _route(method: str, path: str) -> tuple[Row, dict[str, str]]:
    """The row that fits, and the words that the path puts in."""
    for pattern, row in PATTERNS:
        match = pattern.fullmatch(f"{method} {path}")
        if match:
            return row, {name: unquote(word) for name, word in match.groupdict().items()}
    raise Unknown(path)


def exchanged(method: str, path: str, body: bytes, answer: Answer) -> Json:
    """A request and its answer, for the record; of a file that it brings nothing but that there is one."""
    try:
        asked = json.loads(body) if body else None
    except ValueError:
        asked = "no JSON"
    told = {"status": answer.status, "content": answer.content}
    return {"method": method, "path": path, "body": asked, **told}


def _object(body: bytes) -> Json:
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        raise Refused(400, "Problems parsing JSON") from None
    if not isinstance(content, dict):
        raise Refused(400, "Body should be a JSON object")
    return content


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: GitHub


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def handle_request(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path.startswith("/storage/"):
            found = self.server.hub.blob(self.path, self.headers)
            refusal = b"<Error><Code>AuthenticationFailed</Code></Error>"
            self._send(
                403 if found is None else 200, {"Content-Type": "application/zip"}, refusal if found is None else found
            )
            return
        answer = self.server.hub.respond(self.command, self.path, self.headers, body)
        self._send(answer.status, {"Content-Type": "application/json; charset=utf-8", **answer.headers}, answer.content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_request  # noqa: N815 (http.server looks for these names)

    def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *words: Any) -> None:
        """Stay quiet; the requests are in `hub.requests`."""
