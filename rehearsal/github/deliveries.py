"""Endpoints for what comes of a change: runs and their artifacts, commit statuses, deployments, releases."""

from rehearsal.github.calls import Answer, Call, Refused, invalid, matching, required, text_of
from rehearsal.github.memory import Memory
from rehearsal.github.place import Json, Unknown

COMMIT_STATES, LONGEST_STATUS = ("error", "failure", "pending", "success"), 140
STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")


def dispatch(hub: Memory, call: Call) -> Answer:
    """Noted here; the sandbox runs it when the run that asked has ended."""
    (ref,) = required(call, "Workflow", "ref")
    name, inputs = call.words["workflow"], call.body.get("inputs", {})
    if not hub.holds(ref, f".github/workflows/{name}"):
        raise Unknown(name)
    if any(not isinstance(value, str) for value in inputs.values()):
        raise invalid("Workflow", "inputs", "invalid")
    hub.add("dispatches", "", workflow=name, inputs=inputs)
    return Answer(None, 204)


def show_run(hub: Memory, call: Call) -> Answer:
    return Answer(hub.find("runs", id=call.words["run"]))


def list_artifacts(hub: Memory, call: Call) -> Answer:
    run, name = show_run(hub, call).content, call.query.get("name")
    hub.collect(run["id"])
    found = [one for one in hub.known["artifacts"] if one["workflow_run"]["id"] == run["id"]]
    return Answer([one for one in found if name in (None, one["name"])], name="artifacts")


def download_artifact(hub: Memory, call: Call) -> Answer:
    """Send on to the storage, which is another host, needs no token, and refuses one."""
    artifact = hub.find("artifacts", id=call.words["artifact"])
    signature = next(blob for blob, known in hub.blobs.items() if known == artifact["id"])
    storage = hub.url.replace("127.0.0.1", "localhost").removesuffix("/api/v3")
    return Answer(None, 302, {"Location": f"{storage}/storage/{signature}.zip"})


def set_commit_status(hub: Memory, call: Call) -> Answer:
    """Of a commit that is here; the newest of a context counts."""
    (state,) = required(call, "Status", "state")
    context, told = call.body.get("context", "default"), call.body.get("description") or ""
    if state not in COMMIT_STATES or len(told) > LONGEST_STATUS or max(told, default="") > "\uffff":
        raise invalid("Status", "description" if state in COMMIT_STATES else "state", "invalid")
    if hub.tip(call.words["sha"]) is None:
        raise Refused(422, f"No commit found for SHA: {call.words['sha']}")
    about = {"state": state, "context": context, "description": told, "target_url": call.body.get("target_url")}
    who = hub.user(call.actor)
    return Answer(
        hub.add("commit_statuses", f"statuses/{call.words['sha']}", _sha=call.words["sha"], creator=who, **about), 201
    )


def list_commit_statuses(hub: Memory, call: Call) -> Answer:
    return Answer([one for one in reversed(hub.known["commit_statuses"]) if one["_sha"] == call.words["sha"]])


def list_deployments(hub: Memory, call: Call) -> Answer:
    return Answer(matching(hub.known["deployments"], call, environment="all", ref="all", sha="all"))


def create_deployment(hub: Memory, call: Call) -> Answer:
    (ref,) = required(call, "Deployment", "ref")
    sha = hub.tip(ref)
    if sha is None:
        raise Refused(422, f"No ref found for: {ref}")
    about: Json = {"environment": "production", "task": "deploy", "description": None, "payload": {}}
    told = {name: call.body.get(name, value) for name, value in about.items()}
    who = hub.user(call.actor)
    deployment = hub.add("deployments", "deployments/{id}", ref=ref, sha=sha, creator=who, **told)
    deployment["statuses_url"] = f"{deployment['url']}/statuses"
    return Answer(deployment, 201)


def list_statuses(hub: Memory, call: Call) -> Answer:
    url = hub.find("deployments", id=call.words["deployment"])["url"]
    return Answer([status for status in reversed(hub.known["statuses"]) if status["deployment_url"] == url])


def create_status(hub: Memory, call: Call) -> Answer:
    deployment = hub.find("deployments", id=call.words["deployment"])
    (state,) = required(call, "DeploymentStatus", "state")
    if state not in STATES:
        raise invalid("DeploymentStatus", "state", "invalid")
    told = {name: call.body.get(name, "") for name in ("description", "log_url", "environment_url")}
    told["environment"] = call.body.get("environment", deployment["environment"])
    place = f"deployments/{deployment['id']}/statuses/{{id}}"
    who, url = hub.user(call.actor), deployment["url"]
    return Answer(hub.add("statuses", place, state=state, creator=who, deployment_url=url, **told), 201)


def list_releases(hub: Memory, _: Call) -> Answer:
    return Answer(hub.known["releases"][::-1])


def create_release(hub: Memory, call: Call) -> Answer:
    """From a tag that exists; GitHub would make a missing one, on a commit that nobody chose."""
    (tag,) = required(call, "Release", "tag_name")
    if any(one["tag_name"] == tag for one in hub.known["releases"] if not call.body.get("draft") and not one["draft"]):
        raise invalid("Release", "tag_name", "already_exists")
    if hub.tip(f"refs/tags/{tag}") is None:
        raise invalid("Release", "tag_name", "custom", "Published releases must have a valid tag")
    about = {"name": tag, "draft": False, "prerelease": False, "target_commitish": "main"}
    told = {name: call.body.get(name, value) for name, value in about.items()}
    page, text = f"{hub.page}/releases/tag/{tag}", text_of(call, "Release")
    who = hub.user(call.actor)
    release = hub.add("releases", "releases/{id}", tag_name=tag, html_url=page, body=text, author=who, **told)
    release["upload_url"] = f"{release['url']}/assets{{?name,label}}"
    return Answer(release, 201)


def edit_release(hub: Memory, call: Call) -> Answer:
    """Its text, and that it is published from now on."""
    release = hub.find("releases", id=call.words["release"])
    release.update({name: call.body[name] for name in ("name", "body", "draft", "prerelease") if name in call.body})
    return Answer(release)


def list_assets(hub: Memory, call: Call) -> Answer:
    release = hub.find("releases", id=call.words["release"])
    return Answer([asset for asset in hub.known["assets"] if asset["_release"] == release["id"]])


def upload_asset(hub: Memory, call: Call) -> Answer:
    """On GitHub under another host, which the release's `upload_url` names. Releases are immutable here."""
    release, name = hub.find("releases", id=call.words["release"]), call.query.get("name", "")
    if not release["draft"]:
        raise Refused(422, "Cannot upload assets to an immutable release.")
    if any(asset["name"] == name for asset in list_assets(hub, call).content):
        raise invalid("ReleaseAsset", "name", "already_exists")
    told = {"name": name, "size": len(call.content), "state": "uploaded", "_release": release["id"]}
    return Answer(hub.add("assets", "releases/assets/{id}", **told), 201)


def delete_asset(hub: Memory, call: Call) -> Answer:
    hub.known["assets"].remove(hub.find("assets", id=call.words["asset"]))
    return Answer(None, 204)


def show_release(hub: Memory, call: Call) -> Answer:
    return Answer(hub.find("releases", tag_name=call.words["tag"], draft=False))


def latest_release(hub: Memory, _: Call) -> Answer:
    for release in reversed(hub.known["releases"]):
        if not release["draft"] and not release["prerelease"]:
            return Answer(release)
    raise Unknown("releases")
