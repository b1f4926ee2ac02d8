"""What the stand-in for GitHub remembers, as plain dictionaries in the shapes in which GitHub's API tells them."""

import json
import secrets
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rehearsal.github import ground
from rehearsal.github.place import NOWHERE, Json, Place, Unknown
from rehearsal.record import note

KINDS = (
    "issues", "pulls", "comments", "labels", "runs", "artifacts",
    "commit_statuses", "deployments", "statuses", "releases", "assets", "environments", "reviews",
    "dispatches", "policies", "secrets", "keys", "rulesets",
)  # fmt: skip


DATES = dict.fromkeys(("labels", "policies"), ()) | {"keys": ("created_at",)}  # which GitHub tells, where not both


def now() -> str:
    """The time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Memory(Place):
    """One repository, its pull requests and what belongs to them.

    After each change everything is written to github.json in `folder`, for a look from outside; a new memory starts
    empty. Records are what the API hands out; a pull request's list of labels is its issue's.
    """

    def __init__(self, folder: Path, repository: str, bare: Path | None, private: bool, url: str) -> None:
        super().__init__(repository, bare, private, url)
        self.folder = folder
        self.known: dict[str, list[Json]] = {kind: [] for kind in KINDS}
        self.actions: Json = {"default_workflow_permissions": "write", "can_approve_pull_request_reviews": False}
        self.deploy_keys = True  # does its owner allow them? New organisations don't
        self.people: dict[int, Json] = {}  # persons and teams that were looked up, by their ids
        self.blobs: dict[str, int] = {}  # what a storage address signs for: an artifact's id
        self.uploads: dict[int, Path] = {}  # folders of runs, see `start_run`
        self.lock = threading.RLock()
        self._last_id = 1000
        (folder / "artifacts").mkdir(parents=True, exist_ok=True)

    @contextmanager
    def change(self) -> Iterator[None]:
        """Keep others out, and write the new state down."""
        with self.lock:
            yield
            scratch = self.folder / "github.json.part"
            scratch.write_text(json.dumps(self.known, indent=1), encoding="utf-8")
            scratch.replace(self.folder / "github.json")

    def find(self, kind: str, **wanted: Any) -> Json:
        """The first record with these values; numbers may come as text, as they stand in a path."""
        for record in self.known[kind]:
            if all(str(record.get(key)) == str(value) for key, value in wanted.items()):
                return record
        raise Unknown(f"{kind} {wanted}")

    def add(self, kind: str, place: str = "", **fields: Any) -> Json:
        """Remember a record under an id of its own; its `url` is `place` in the API, {id} filled in.

        Fields whose names begin with _ are the rehearsal's own, and nobody is told them.
        """
        self._last_id += 1
        url = {"url": f"{self.api}/{place.format(id=self._last_id)}"} if place else {}
        dates = dict.fromkeys(DATES.get(kind, ("created_at", "updated_at")), now())
        record = {"id": self._last_id, **url, **fields, **dates}
        self.known[kind].append(record)
        return record

    def open_issue(self, title: str, body: str, user: str, labels: Iterable[str], page: str = "issues") -> Json:
        """The record of a new issue; a pull request is one, too, and they share their numbers."""
        number = len(self.known["issues"]) + 1
        url = f"{self.api}/issues/{number}"
        return self.add(
            "issues", f"issues/{number}", number=number, title=title, body=body, state="open", user=self.user(user),
            labels=[self.label(name) for name in labels], comments=0, comments_url=f"{url}/comments",
            labels_url=f"{url}/labels{{/name}}", html_url=f"{self.page}/{page}/{number}", closed_at=None,
        )  # fmt: skip

    def label(self, name: str, **looks: str) -> Json:
        """The repository's label of this name, made where it is missing, as GitHub does."""
        try:
            return self.find("labels", name=name)
        except Unknown:
            return self.add("labels", f"labels/{name}", name=name, **{"color": "ededed", "description": "", **looks})

    def open_pull_request(
        self, head_branch: str, head_sha: str, base: str = "main", title: str = "A change", body: str = "",
        user: str = "ann", fork: str | None = None, labels: Iterable[str] = (),
    ) -> int:  # fmt: skip
        """Open one, from `fork`'s copy of the repository where an owner is given; its number."""
        with self.change():
            issue = self.open_issue(title, body, user, labels, page="pull")
            shared = {name: issue[name] for name in issue if name not in ("id", "url", "comments", "labels_url")}
            number = issue["number"]
            pull = self.add(
                "pulls", f"pulls/{number}", **shared, draft=False, merged=False, merged_at=None, mergeable=True,
                merge_commit_sha=None, issue_url=issue["url"], head=self.end(head_branch, head_sha, self.fork(fork)),
                base=self.end(base, self.tip(f"refs/heads/{base}") or NOWHERE, self.repository),
            )  # fmt: skip
            issue["pull_request"] = {"url": pull["url"], "html_url": pull["html_url"]}
        return number

    def edit(self, number: Any, **fields: Any) -> Json:
        """Change an issue and the pull request that it may be; the issue."""
        issue = self.find("issues", number=number)
        if "labels" in fields:
            issue["labels"][:] = [self.label(name) for name in fields.pop("labels")]  # the pull request holds this list
        if "state" in fields:
            fields["closed_at"] = now() if fields["state"] == "closed" else None
        for record in [issue, *(pull for pull in self.known["pulls"] if pull["number"] == issue["number"])]:
            record.update(fields, updated_at=now())
        return issue

    def dispatched(self) -> list[Json]:
        """Workflows that were asked for since this was asked last."""
        with self.change():
            asked, self.known["dispatches"] = self.known["dispatches"], []
        return asked

    def follow_branches(self) -> None:
        """Open pull requests of this repository's branches are where their branches are."""
        with self.change():
            for pull in self.known["pulls"]:
                own = pull["state"] == "open" and pull["head"]["repo"]["full_name"] == self.repository
                tip = self.tip(f"refs/heads/{pull['head']['ref']}") if own else None
                _move(pull, tip or pull["head"]["sha"])

    def update_head(self, number: int, sha: str) -> None:
        """A push to the pull request's branch."""
        with self.change():
            _move(self.find("pulls", number=number), sha)

    def merge(self, number: int, sha: str) -> None:
        """Close as merged by commit `sha`."""
        with self.change():
            self.edit(number, state="closed")
            self.find("pulls", number=number).update(merged=True, merged_at=now(), merge_commit_sha=sha)

    def approve(self, number: int, user: str) -> None:
        """A review that says yes."""
        with self.change():
            url = self.find("pulls", number=number)["url"]
            self.add("reviews", "", user=self.user(user), state="APPROVED", body="", pull_request_url=url)

    def protect(self, environment: str, reviewers: Iterable[str] = ()) -> None:
        """Make an environment, whose jobs wait for these reviewers."""
        people = [{"type": "User", "reviewer": self.user(name)} for name in reviewers]
        rules = [{"id": 1, "type": "required_reviewers", "reviewers": people}] if people else []
        with self.change():
            known = self.known["environments"]
            known[:] = [one for one in known if one["name"] != environment]
            rest = {"protection_rules": rules, "deployment_branch_policy": None}
            self.add("environments", f"environments/{environment}", name=environment, **rest)

    def asks(self, environment: str) -> bool:
        """Has it reviewers, for whom its jobs wait?"""
        known = [one for one in self.known["environments"] if one["name"] == environment]
        return any(rule["type"] == "required_reviewers" for one in known for rule in one["protection_rules"])

    def guarded(self) -> list[str]:
        """Patterns of the refs that a ruleset lets deploy keys alone make."""
        active = [one for one in self.known["rulesets"] if one["enforcement"] == "active"]
        closed = [one for one in active if any(rule["type"] == "creation" for rule in one["rules"])]
        return [name for one in closed for name in one["conditions"]["ref_name"]["include"]]

    def add_label(self, number: int, name: str) -> None:
        """Put a label on an issue or a pull request."""
        with self.change():
            names = [label["name"] for label in self.find("issues", number=number)["labels"]]
            self.edit(number, labels=dict.fromkeys([*names, name]))

    def verdict(self, number: int) -> str | None:
        """State of the commit status `verdict` of a pull request's head; None where there is none."""
        sha = self.find("pulls", number=number)["head"]["sha"]
        found = [one for one in self.known["commit_statuses"] if (one["_sha"], one["context"]) == (sha, "verdict")]
        return found[-1]["state"] if found else None

    def comments(self, number: int) -> list[Json]:
        """Comments of an issue or a pull request, oldest first."""
        url = self.find("issues", number=number)["url"]
        return [comment for comment in self.known["comments"] if comment["issue_url"] == url]

    def add_run(
        self, name: str, head_sha: str, head_branch: str, event: str = "pull_request", fork: str | None = None,
        conclusion: str | None = "success", status: str = "completed", path: str = "", actor: str = "ann",
    ) -> int:  # fmt: skip
        """A run of the workflow called `name`; for a fork's run `pull_requests` stays empty, as on GitHub."""
        with self.change():
            label = f"{self.repository.split('/')[0]}:{head_branch}"
            opened = [pull for pull in self.known["pulls"] if pull["state"] == "open" and not fork]
            pulls = [pull for pull in opened if pull["head"]["label"] == label]
            run = self.add(
                "runs", "actions/runs/{id}", name=name, event=event, status=status, conclusion=conclusion,
                head_sha=head_sha, head_branch=head_branch, path=path or f".github/workflows/{name}.yml",
                run_attempt=1, run_number=len(self.known["runs"]) + 1, actor=self.user(actor),
                repository=self.home(), head_repository=self.home(self.fork(fork)),
                pull_requests=[_brief(pull) for pull in pulls],
            )  # fmt: skip
            run["html_url"] = f"{self.page}/actions/runs/{run['id']}"
            run["artifacts_url"] = f"{run['url']}/artifacts"
        return run["id"]

    def start_run(self, uploads: Path, **about: Any) -> int:
        """A run that is under way; what is in the folder `uploads`, NAME.zip, are its artifacts, at once."""
        run_id = self.add_run(conclusion=None, status="in_progress", **about)
        self.uploads[run_id] = uploads
        return run_id

    def finish_run(self, run_id: int, conclusion: str) -> None:
        """Its jobs have ended."""
        with self.change():
            self.find("runs", id=run_id).update(conclusion=conclusion, status="completed")
            self.collect(run_id)

    def collect(self, run_id: int) -> None:
        """Know what a run has uploaded so far."""
        known = {one["name"] for one in self.known["artifacts"] if one["workflow_run"]["id"] == run_id}
        for archive in sorted(self.uploads.get(run_id, self.folder / "none").glob("*.zip")):
            if archive.stem not in known:
                self.add_artifact(run_id, archive.stem, archive.read_bytes())

    def add_artifact(self, run_id: int, name: str, zip_bytes: bytes) -> int:
        """What a run uploaded, as the zip file that GitHub makes of it."""
        with self.change():
            run = self.find("runs", id=run_id)
            origin = {"id": run_id, "head_sha": run["head_sha"], "head_branch": run["head_branch"]}
            artifact = self.add(
                "artifacts", "actions/artifacts/{id}", name=name, size_in_bytes=len(zip_bytes), expired=False,
                workflow_run=origin,
            )  # fmt: skip
            artifact["archive_download_url"] = f"{artifact['url']}/zip"
            self.blobs[secrets.token_hex(16)] = artifact["id"]
            (self.folder / "artifacts" / f"{artifact['id']}.zip").write_bytes(zip_bytes)
        return artifact["id"]

    def event(self, name: str, /, **payload: Any) -> Json:
        """The payload of an event as of now: what it says itself, the repository, and every other field that it has."""
        told = ground.event(name, _copy({"repository": self.home(), "sender": self.user("ann"), **payload}))
        note(event={"name": name, "payload": told})
        return told

    def pull_request_event(self, number: int, action: str, label: str | None = None, sender: str | None = None) -> Json:
        """The payload of `pull_request` (and `pull_request_target`); `sender` is the author unless named."""
        pull = self.find("pulls", number=number)
        named: Json = {"label": self.label(label)} if label else {}
        if action == "synchronize":
            named |= {"before": pull.get("_before", NOWHERE), "after": pull["head"]["sha"]}
        who = self.user(sender or pull["user"]["login"])
        return self.event("pull_request", action=action, number=number, pull_request=pull, **named, sender=who)

    def push_event(self, branch: str, before: str = NOWHERE, after: str = "") -> Json:
        """The payload of `push` of the branch's tip, or of `after`; without `before` the branch is new."""
        ref = f"refs/heads/{branch}"
        tip = after or self.tip(ref) or NOWHERE
        head = {**self.commit(tip), "url": f"{self.page}/commit/{tip}"}
        about: Json = {"created": before == NOWHERE, "compare": f"{self.page}/compare/{before[:12]}...{tip[:12]}"}
        about["pusher"] = {"name": "ann"}
        return self.event("push", ref=ref, before=before, after=tip, head_commit=head, commits=[head], **about)

    def merge_group_event(self, head_sha: str, head_ref: str, base_sha: str) -> Json:
        """The payload of `merge_group`, when the queue asks for checks of a branch of its own."""
        group: Json = {"head_sha": head_sha, "head_ref": head_ref, "base_sha": base_sha, "base_ref": "refs/heads/main"}
        group["head_commit"] = self.commit(head_sha)
        return self.event("merge_group", action="checks_requested", merge_group=group)

    def workflow_run_event(self, run_id: int, action: str = "completed") -> Json:
        """The payload of `workflow_run`."""
        run = self.find("runs", id=run_id)
        homes = {name: _plain(run[name]) for name in ("repository", "head_repository")}
        told = {**run, **homes, "head_commit": self.commit(run["head_sha"])}
        workflow = {"name": run["name"], "path": run["path"], "state": "active"}
        return self.event("workflow_run", action=action, workflow_run=told, workflow=workflow, sender=run["actor"])


def _move(pull: Json, sha: str) -> None:
    """A pull request's branch has got another tip."""
    if pull["head"]["sha"] != sha:
        pull["_before"], pull["head"]["sha"] = pull["head"]["sha"], sha


def _plain(home: Json) -> Json:
    """A repository as the event of a run tells it."""
    return {name: value for name, value in home.items() if name not in ("clone_url", "default_branch", "is_template")}


def _brief(pull: Json) -> Json:
    """A pull request as a run tells it."""
    ends = {
        end: {
            "ref": pull[end]["ref"], "sha": pull[end]["sha"],
            "repo": {name: pull[end]["repo"][name] for name in ("id", "url", "name")},
        } for end in ("head", "base")
    }  # fmt: skip
    return {name: pull[name] for name in ("id", "number", "url")} | ends


def _copy(payload: Json) -> Json:
    """A payload doesn't change after the event."""
    copied: Json = json.loads(json.dumps(payload))
    return copied
