"""Endpoints for pull requests, issues, comments and labels."""

from rehearsal.github.calls import Answer, Call, Refused, edits_of, invalid, matching, names_of, required, text_of
from rehearsal.github.memory import Memory, now

ALONE = ("merged", "mergeable")  # what a pull request tells, and a list of them doesn't


def show_user(hub: Memory, call: Call) -> Answer:
    user = hub.user(call.words["login"])
    hub.people[user["id"]] = user
    return Answer(user)


def show_repository(hub: Memory, _: Call) -> Answer:
    return Answer(hub.home())


def list_pulls(hub: Memory, call: Call) -> Answer:
    found = matching(hub.known["pulls"], call, state="open")
    base, head = call.query.get("base"), call.query.get("head", "")
    if ":" in head:  # GitHub ignores a branch without its owner
        found = [pull for pull in found if pull["head"]["label"] == head]
    shown = [pull for pull in found if base in (None, pull["base"]["ref"])]
    return Answer([{name: value for name, value in pull.items() if name not in ALONE} for pull in shown])


def show_pull(hub: Memory, call: Call) -> Answer:
    return Answer(hub.find("pulls", number=call.words["number"]))


def create_pull(hub: Memory, call: Call) -> Answer:
    title, head, base = required(call, "PullRequest", "title", "head", "base")
    owner, _, branch = head.rpartition(":")
    own = owner in ("", hub.repository.split("/")[0])
    tip = hub.tip(f"refs/heads/{branch}") if own else None
    if tip is None:
        raise invalid("PullRequest", "head", "invalid")
    if hub.tip(f"refs/heads/{base}") is None:
        raise invalid("PullRequest", "base", "invalid")
    label = hub.end(branch, tip, hub.repository)["label"]
    if any(pull["state"] == "open" and pull["head"]["label"] == label for pull in hub.known["pulls"]):
        raise invalid("PullRequest", "head", "custom", f"A pull request already exists for {label}.")
    number = hub.open_pull_request(branch, tip, base, title, text_of(call, "PullRequest"), call.actor)
    return Answer(hub.find("pulls", number=number), 201)


def edit_pull(hub: Memory, call: Call) -> Answer:
    pull = hub.find("pulls", number=call.words["number"])
    hub.edit(pull["number"], **edits_of(call, "PullRequest", "title", "body", "state"))
    return Answer(pull)


def list_reviews(hub: Memory, call: Call) -> Answer:
    url = hub.find("pulls", number=call.words["number"])["url"]
    return Answer([review for review in hub.known["reviews"] if review["pull_request_url"] == url])


def list_issues(hub: Memory, call: Call) -> Answer:
    wanted = {name for name in call.query.get("labels", "").split(",") if name}
    found = matching(hub.known["issues"], call, state="open")
    return Answer([issue for issue in found if wanted <= {label["name"] for label in issue["labels"]}])


def show_issue(hub: Memory, call: Call) -> Answer:
    return Answer(hub.find("issues", number=call.words["number"]))


def create_issue(hub: Memory, call: Call) -> Answer:
    (title,) = required(call, "Issue", "title")
    labels = names_of(call.body["labels"]) if call.body.get("labels") else []
    return Answer(hub.open_issue(title, text_of(call, "Issue"), call.actor, labels), 201)


def edit_issue(hub: Memory, call: Call) -> Answer:
    edits = edits_of(call, "Issue", "title", "body", "state")
    if "labels" in call.body:
        edits["labels"] = names_of(call.body["labels"]) if call.body["labels"] else []
    return Answer(hub.edit(call.words["number"], **edits))


def list_comments(hub: Memory, call: Call) -> Answer:
    return Answer(hub.comments(int(show_issue(hub, call).content["number"])))


def create_comment(hub: Memory, call: Call) -> Answer:
    issue = show_issue(hub, call).content
    required(call, "IssueComment", "body")
    comment = hub.add(
        "comments", "issues/comments/{id}", body=text_of(call, "IssueComment"), user=hub.user(call.actor),
        issue_url=issue["url"],
    )  # fmt: skip
    comment["html_url"] = f"{issue['html_url']}#issuecomment-{comment['id']}"
    issue["comments"] += 1
    return Answer(comment, 201)


def show_comment(hub: Memory, call: Call) -> Answer:
    return Answer(hub.find("comments", id=call.words["comment"]))


def edit_comment(hub: Memory, call: Call) -> Answer:
    comment = show_comment(hub, call).content
    required(call, "IssueComment", "body")
    comment.update(body=text_of(call, "IssueComment"), updated_at=now())
    return Answer(comment)


def delete_comment(hub: Memory, call: Call) -> Answer:
    comment = show_comment(hub, call).content
    hub.known["comments"].remove(comment)
    hub.find("issues", url=comment["issue_url"])["comments"] -= 1
    return Answer(None, 204)


def list_labels(hub: Memory, _: Call) -> Answer:
    return Answer(hub.known["labels"])


def create_label(hub: Memory, call: Call) -> Answer:
    (name,) = required(call, "Label", "name")
    if any(label["name"].lower() == name.lower() for label in hub.known["labels"]):
        raise invalid("Label", "name", "already_exists")
    looks = {key: call.body[key] for key in ("color", "description") if call.body.get(key)}
    return Answer(hub.label(name, **looks), 201)


def show_label(hub: Memory, call: Call) -> Answer:
    return Answer(hub.find("labels", name=call.words["label"]))


def edit_label(hub: Memory, call: Call) -> Answer:
    label = show_label(hub, call).content
    label.update({key: call.body[key] for key in ("color", "description") if key in call.body})
    return Answer(label)


def add_labels(hub: Memory, call: Call) -> Answer:
    issue = show_issue(hub, call).content
    for name in names_of(call.body.get("labels")):
        hub.add_label(issue["number"], name)
    return Answer(issue["labels"])


def remove_label(hub: Memory, call: Call) -> Answer:
    issue = show_issue(hub, call).content
    names = [label["name"] for label in issue["labels"]]
    if call.words["label"] not in names:
        raise Refused(404, "Label does not exist")
    return Answer(hub.edit(issue["number"], labels=[n for n in names if n != call.words["label"]])["labels"])
