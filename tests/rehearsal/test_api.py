"""The small GitHub answers as GitHub does: what it lets pass, and beside it what it refuses."""

import json
import subprocess

import pytest

from rehearsal import record
from rehearsal.api import GitHub, Request
from tests.rehearsal.conftest import Job, ask

SHA, OTHER = "a" * 40, "b" * 40
TALK = {"issues": "write"}


def first(reply):
    return reply.content["errors"][0]


def test_any_token_may_ask_who_somebody_is(hub, job):
    reply = ask(f"{hub.url}/users/github-actions%5Bbot%5D", job().token)
    assert (reply.status, reply.content["login"], reply.content["type"]) == (200, "github-actions[bot]", "Bot")


@pytest.mark.parametrize("token", [None, "ghs_made_up"])
def test_without_a_known_token_nothing_is_answered(hub, token):
    reply = Job(hub, token).get("")
    assert (reply.status, reply.content["message"]) == (401, "Bad credentials")


def test_a_permission_at_its_level_opens_the_door(hub, job):
    hub.open_pull_request("change", SHA)
    assert job(pull_requests="read").get("/pulls/1").status == 200
    assert job(pull_requests="write").get("/pulls/1").status == 200


@pytest.mark.parametrize("permissions", [{}, {"contents": "write"}, {"pull_requests": "none"}])
def test_another_permission_does_not(hub, job, permissions):
    hub.open_pull_request("change", SHA)
    reply = job(**permissions).get("/pulls/1")
    assert (reply.status, reply.content["message"]) == (403, "Resource not accessible by integration")


def test_reading_does_not_open_writing(hub, job):
    hub.open_pull_request("change", SHA)
    assert job(pull_requests="read").patch("/pulls/1", {"title": "Mine"}).status == 403
    assert hub.find("pulls", number=1)["title"] == "A change"


def test_a_level_that_does_not_exist_is_refused(hub):
    with pytest.raises(ValueError, match="'contents: admin' is none of none, read, write"):
        hub.token({"contents": "admin"})


@pytest.mark.parametrize("path", ["/pulls/9", "/issues/9", "/issues/comments/9", "/actions/runs/9", "/nothing"])
def test_what_is_unknown_is_not_found(job, path):
    reply = job(issues="read", pull_requests="read", actions="read").get(path)
    assert (reply.status, reply.content["message"]) == (404, "Not Found")


def test_another_repository_or_root_is_not_found(hub, job):
    token = job().token
    assert ask(f"{hub.url}/repos/owner/project", token).status == 200
    assert ask(f"{hub.url}/repos/owner/another", token).status == 404
    assert ask(f"{hub.url.removesuffix('/api/v3')}/repos/owner/project", token).status == 404


def test_a_pull_request_is_found_by_its_head_for_forks_too(hub, job):
    hub.open_pull_request("change", SHA)
    hub.open_pull_request("change", OTHER, fork="stranger", user="stranger")
    (found,) = job(pull_requests="read").get("/pulls?state=open&head=stranger:change").content
    assert (found["number"], found["head"]["repo"]["full_name"], found["base"]["repo"]["fork"]) == (
        2, "stranger/project", False,
    )  # fmt: skip


def test_pull_requests_of_other_states_heads_and_bases_are_left_out(hub, job):
    number = hub.open_pull_request("change", SHA)
    ann = job(pull_requests="write")
    assert ann.get("/pulls?head=owner:other").content == []
    assert ann.get("/pulls?base=release").content == []
    assert ann.patch(f"/pulls/{number}", {"state": "closed"}).content["closed_at"]
    assert ann.get("/pulls").content == []
    assert len(ann.get("/pulls?state=all").content) == 1


def test_a_pull_request_can_be_opened(job):
    reply = job(pull_requests="write").post("/pulls", {"title": "Retrain", "head": "retrain", "base": "main"})
    assert (reply.status, reply.content["head"]["label"], reply.content["labels"]) == (201, "owner:retrain", [])
    assert reply.content["user"]["login"] == "github-actions[bot]"


@pytest.mark.parametrize(("missing", "code"), [("title", "missing_field"), ("head", "missing_field")])
def test_one_without_title_or_head_is_refused(job, missing, code):
    body = {"title": "Retrain", "head": "retrain", "base": "main"}
    reply = job(pull_requests="write").post("/pulls", {**body, missing: ""})
    assert (reply.status, first(reply)["field"], first(reply)["code"]) == (422, missing, code)


def test_a_second_one_of_the_same_branch_is_refused(hub, job):
    hub.open_pull_request("retrain", SHA)
    reply = job(pull_requests="write").post("/pulls", {"title": "Again", "head": "retrain", "base": "main"})
    assert (reply.status, first(reply)["message"]) == (422, "A pull request already exists for owner:retrain.")


@pytest.mark.parametrize("permission", ["issues", "pull_requests"])
def test_a_pull_request_is_commented_with_either_permission(hub, job, permission):
    hub.open_pull_request("change", SHA)
    reply = job(**{permission: "write"}).post("/issues/1/comments", {"body": "Better"})
    assert reply.status == 201
    assert [comment["body"] for comment in hub.comments(1)] == ["Better"]


def test_an_issue_is_not_commented_with_the_right_to_pull_requests(hub, job):
    assert job(issues="write").post("/issues", {"title": "Drift"}).content["number"] == 1
    assert job(pull_requests="write").post("/issues/1/comments", {"body": "So?"}).status == 403
    assert hub.comments(1) == []


@pytest.mark.parametrize("size", [1, 65_536])
def test_a_comment_of_any_size_up_to_the_limit_is_taken(hub, job, size):
    hub.open_pull_request("change", SHA)
    assert job(**TALK).post("/issues/1/comments", {"body": "x" * size}).status == 201


@pytest.mark.parametrize("body", [{}, {"body": ""}, {"body": 5}])
def test_a_comment_without_text_is_refused(hub, job, body):
    hub.open_pull_request("change", SHA)
    assert job(**TALK).post("/issues/1/comments", body).status == 422


def test_a_comment_above_the_limit_is_refused(hub, job):
    hub.open_pull_request("change", SHA)
    reply = job(**TALK).post("/issues/1/comments", {"body": "x" * 65_537})
    assert (reply.status, first(reply)["message"]) == (422, "body is too long (maximum is 65536 characters)")
    assert hub.comments(1) == []


def test_a_comment_is_edited_and_deleted_by_its_own_address(hub, job):
    hub.open_pull_request("change", SHA)
    ann = job(pull_requests="write")
    url = ann.post("/issues/1/comments", {"body": "Worse"}).content["url"]
    assert ask(url, ann.token, "PATCH", {"body": "Better"}).content["body"] == "Better"
    assert ask(url, ann.token, "PATCH", {"body": " "}).status == 422
    assert (ask(url, ann.token, "DELETE").status, ask(url, ann.token).status) == (204, 404)


def test_thirty_comments_come_a_page_and_the_header_leads_on(hub, job):
    hub.open_pull_request("change", SHA)
    ann = job(**TALK)
    for n in range(31):
        ann.post("/issues/1/comments", {"body": str(n)})
    page = ann.get("/issues/1/comments")
    following, last = (link.split(";")[0].strip(" <>") for link in page.headers["Link"].split(","))
    assert (len(page.content), following == last) == (30, True)
    assert [comment["body"] for comment in ask(following, ann.token).content] == ["30"]
    assert "Link" not in ann.get("/issues/1/comments?per_page=500").headers


@pytest.mark.parametrize("body", [b"{", b"5"])
def test_what_is_not_a_json_object_is_refused(job, body):
    assert job(**TALK).post("/issues", body).status == 400


def test_an_issue_is_found_by_its_label(job):
    ann = job(**TALK)
    ann.post("/issues", {"title": "Drift", "labels": ["drift"]})
    assert [issue["title"] for issue in ann.get("/issues?labels=drift").content] == ["Drift"]
    assert ann.get("/issues?labels=drift,stale").content == []


def test_a_closed_issue_is_no_longer_listed(job):
    ann = job(**TALK)
    ann.post("/issues", {"title": "Drift"})
    assert ann.patch("/issues/1", {"state": "done"}).status == 422
    assert ann.patch("/issues/1", {"state": "closed"}).content["state"] == "closed"
    assert ann.get("/issues").content == []


def test_a_label_put_on_shows_on_the_pull_request(hub, job):
    hub.open_pull_request("change", SHA)
    ann = job(pull_requests="write")
    assert ann.post("/issues/1/labels", {"labels": ["accept-incomparable"]}).status == 200
    assert [label["name"] for label in ann.get("/pulls/1").content["labels"]] == ["accept-incomparable"]
    assert ann.delete("/issues/1/labels/accept-incomparable").content == []
    assert ann.get("/pulls/1").content["labels"] == []


def test_labels_are_added_by_name_and_there_must_be_one(hub, job):
    hub.open_pull_request("change", SHA)
    ann = job(pull_requests="write")
    added = ann.post("/issues/1/labels", {"labels": ["drift", "stale"]}).content
    assert [label["name"] for label in added] == ["drift", "stale"]
    assert ann.post("/issues/1/labels", {"labels": []}).status == 422


def test_a_label_that_is_not_there_can_not_be_taken_off(hub, job):
    hub.open_pull_request("change", SHA)
    reply = job(**TALK).delete("/issues/1/labels/stale")
    assert (reply.status, reply.content["message"]) == (404, "Label does not exist")


def test_the_repository_has_a_label_once(job):
    ann = job(**TALK)
    assert ann.post("/labels", {"name": "drift", "color": "ff0000"}).status == 201
    assert first(ann.post("/labels", {"name": "Drift"}))["code"] == "already_exists"
    assert [label["color"] for label in ann.get("/labels").content] == ["ff0000"]
    assert ann.patch("/labels/drift", {"color": "00ff00"}).content == ann.get("/labels/drift").content
    assert [label["color"] for label in ann.get("/labels").content] == ["00ff00"]


def test_a_run_names_its_pull_request(hub, job):
    hub.open_pull_request("change", SHA)
    run = hub.add_run("experiment", SHA, "change")
    shown = job(actions="read").get(f"/actions/runs/{run}").content
    assert ([pull["number"] for pull in shown["pull_requests"]], shown["head_repository"]["fork"]) == ([1], False)


def test_the_run_of_a_fork_names_none(hub):
    hub.open_pull_request("change", SHA, fork="stranger")
    run = hub.workflow_run_event(hub.add_run("experiment", SHA, "change", fork="stranger"))["workflow_run"]
    assert (run["pull_requests"], run["head_repository"]["full_name"]) == ([], "stranger/project")
    assert run["head_repository"]["owner"]["login"] == "stranger"


def test_an_artifact_comes_from_the_storage_without_a_token(hub, job):
    run = hub.add_run("experiment", SHA, "change")
    hub.add_artifact(run, "comparison", b"PK zip")
    reader = job(actions="read")
    (listed,) = reader.get(f"/actions/runs/{run}/artifacts?name=comparison").content["artifacts"]
    sent_on = ask(listed["archive_download_url"], reader.token)
    assert (sent_on.status, ask(sent_on.headers["Location"]).content) == (302, b"PK zip")


def test_the_storage_refuses_a_token_and_a_made_up_address(hub, job):
    artifact = hub.add_artifact(hub.add_run("experiment", SHA, "change"), "comparison", b"PK zip")
    reader = job(actions="read")
    address = reader.get(f"/actions/artifacts/{artifact}/zip").headers["Location"]
    assert ask(address, reader.token).status == 403
    assert ask(f"{address.rpartition('/')[0]}/{artifact}.zip").status == 403
    assert job(contents="read").get(f"/actions/artifacts/{artifact}/zip").status == 403


def test_a_deployment_gets_statuses_that_exist(job):
    ann = job(deployments="write")
    deployment = ann.post("/deployments", {"ref": "model@v1.0.0", "environment": "staging"}).content
    assert ann.post(f"/deployments/{deployment['id']}/statuses", {"state": "success"}).status == 201
    assert ann.post(f"/deployments/{deployment['id']}/statuses", {"state": "fine"}).status == 422
    assert [status["state"] for status in ask(deployment["statuses_url"], ann.token).content] == ["success"]
    assert len(ann.get("/deployments?environment=staging").content) == 1
    assert ann.get("/deployments?environment=production").content == []


@pytest.fixture
def origin(tmp_path):
    """A bare repository with one commit on main, tagged model@v1.0.0."""
    bare = tmp_path / "origin.git"
    git = ["git", f"--git-dir={bare}", "-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", bare], check=True)
    tree = subprocess.run([*git, "mktree"], input=b"", capture_output=True, check=True).stdout.decode().strip()
    commit = [*git, "commit-tree", tree, "-m", "first"]
    sha = subprocess.run(commit, capture_output=True, check=True).stdout.decode().strip()
    for ref in ("refs/heads/main", "refs/heads/change", "refs/tags/model@v1.0.0"):
        subprocess.run([*git, "update-ref", ref, sha], check=True)
    return bare, sha


def test_branches_and_tags_are_looked_up_in_the_origin(tmp_path, origin):
    bare, sha = origin
    with GitHub(tmp_path / "github", bare=bare) as hub:
        ann = Job(hub, hub.token({"pull-requests": "write", "contents": "write"}))
        opened = ann.post("/pulls", {"title": "Change", "head": "change", "base": "main"}).content
        assert (opened["head"]["sha"], opened["base"]["sha"]) == (sha, sha)
        assert ann.post("/releases", {"tag_name": "model@v1.0.0", "body": "First"}).status == 201
        shown = ann.get("/releases/tags/model%40v1.0.0").content
        assert [shown] == [ann.get("/releases/latest").content] == ann.get("/releases").content


def test_branches_and_tags_that_are_not_there_are_refused(tmp_path, origin):
    with GitHub(tmp_path / "github", bare=origin[0]) as hub:
        ann = Job(hub, hub.token({"pull-requests": "write", "contents": "write"}))
        refused = ann.post("/pulls", {"title": "Change", "head": "gone", "base": "main"})
        assert (refused.status, first(refused)["field"]) == (422, "head")
        assert first(ann.post("/releases", {"tag_name": "model@v9.0.0"}))["field"] == "tag_name"
        assert ann.get("/releases/latest").status == 404


def test_the_payload_of_a_pull_request_is_that_of_its_moment(hub):
    number = hub.open_pull_request("change", SHA, fork="stranger", user="stranger")
    hub.add_label(number, "accept-incomparable")
    payload = hub.pull_request_event(number, "labeled", "accept-incomparable", sender="ann")
    hub.update_head(number, OTHER)
    assert (payload["pull_request"]["head"]["sha"], payload["sender"]["login"]) == (SHA, "ann")
    assert payload["label"]["name"] == payload["pull_request"]["labels"][0]["name"] == "accept-incomparable"
    assert hub.pull_request_event(number, "synchronize")["pull_request"]["head"]["sha"] == OTHER


def test_a_merged_pull_request_says_by_which_commit(hub):
    hub.merge(hub.open_pull_request("change", SHA), OTHER)
    pull = hub.pull_request_event(1, "closed")["pull_request"]
    assert (pull["state"], pull["merged"], pull["merge_commit_sha"]) == ("closed", True, OTHER)


def test_every_request_is_remembered_with_its_answer(hub):
    ann = Job(hub, hub.token({}, actor="ann"))
    ann.get("")
    Job(hub, None).get("/pulls?state=all")
    assert hub.requests == [
        Request("GET", "/repos/owner/project", 200, "ann"),
        Request("GET", "/repos/owner/project/pulls?state=all", 401, None),
    ]


def test_a_record_holds_requests_answers_and_events(tmp_path, job, hub, monkeypatch):
    monkeypatch.setenv(record.VARIABLE, str(tmp_path / "record.jsonl"))
    job(issues="write").post("/issues", {"title": "Drift"})
    hub.push_event("main")
    (asked,) = record.read(tmp_path / "record.jsonl", "request")
    assert (asked["method"], asked["path"], asked["body"]) == (
        "POST",
        "/repos/owner/project/issues",
        {"title": "Drift"},
    )
    assert (asked["status"], asked["content"]["title"]) == (201, "Drift")
    assert [event["name"] for event in record.read(tmp_path / "record.jsonl", "event")] == ["push"]


def test_the_state_is_on_disk_after_each_change_and_no_token_is(hub, job):
    hub.open_pull_request("change", SHA)
    ann = job(**TALK)
    ann.post("/issues/1/comments", {"body": "Better"})
    text = (hub.folder / "github.json").read_text()
    assert [comment["body"] for comment in json.loads(text)["comments"]] == ["Better"]
    assert ann.token not in text
