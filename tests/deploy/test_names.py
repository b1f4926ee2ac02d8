"""Names by which deploy/kubernetes means something else: each leads to it, and to nothing besides."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.deploy.conftest import PODS, Json, every, one, pod, put, template

pytestmark = pytest.mark.xdist_group("kubernetes")


def chosen(selector: Json, resources: list[Json]) -> set[str]:
    """Kinds whose pods a selector means; an empty one, which means every pod there is, is no choice."""
    labels = {kind: template(resources, kind)["metadata"]["labels"].items() for kind in PODS}
    return {kind for kind, given in labels.items() if selector and selector.items() <= given}


def unmounted(resources: list[Json]) -> Iterator[str]:
    """Volumes that a pod's containers mount, and that it doesn't have."""
    claims = one(resources, "StatefulSet")["spec"]["volumeClaimTemplates"]
    for kind, own in {"StatefulSet": claims, "CronJob": []}.items():
        spec = pod(resources, kind)
        yield from {*every([*every(spec, "volumeMounts")], "name")} - {*every([spec["volumes"], own], "name")}


def dangling(resources: list[Json]) -> set[str]:
    """Names by which one part means another, and that lead nowhere."""
    specs = [pod(resources, kind) for kind in PODS]
    config, service = one(resources, "ConfigMap"), one(resources, "Service")
    selectors = [*every(resources, "matchLabels"), service["spec"]["selector"]]
    names = {
        "volume": [],
        "port": every([*every(specs, "ports")], "name"),
        "container": [container["name"] for container in pod(resources)["containers"]],
        "config": [config["metadata"]["name"]],
        "variable": config["data"],
        "service": [service["metadata"]["name"], *every(service["spec"]["ports"], "name")],
        "labels": [str(selector) for selector in selectors if chosen(selector, resources)],
        "scaled": [one(resources, "StatefulSet")["metadata"]["name"]],
    }
    meant = {
        "volume": unmounted(resources),
        "port": [
            *every([*every(specs, "httpGet"), *every(resources, "ingress")], "port"),
            *every(service, "targetPort"),
        ],
        "container": every(resources, "container"),
        "config": every([*every(specs, "configMapRef")], "name"),
        "variable": re.findall(r"\$\((\w+)\)", str(specs)),
        "service": every([*every(resources, "backend")], "name"),
        "labels": map(str, selectors),
        "scaled": every([*every(resources, "scaleTargetRef")], "name"),
    }
    return {f"{kind} {name}" for kind, used in meant.items() for name in set(used) - set(names[kind])}


def test_every_name_leads_somewhere(resources: list[Json]) -> None:
    assert dangling(resources) == set()
    assert len([*every(resources, "matchLabels")]) == 4


@pytest.mark.parametrize(
    ("kind", "path", "value", "lost"),
    [
        ("StatefulSet", "spec.template.spec.containers.0.volumeMounts.1.name", "spol", "volume spol"),
        ("StatefulSet", "spec.template.spec.containers.0.readinessProbe.httpGet.port", "https", "port https"),
        ("StatefulSet", "spec.template.spec.initContainers.0.args.3", "$(STAG)", "variable STAG"),
        ("StatefulSet", "spec.template.spec.initContainers.0.envFrom.0.configMapRef.name", "model", "config model"),
        ("CronJob", f"{PODS['CronJob']}.spec.containers.0.volumeMounts.0.name", "releases", "volume releases"),
        ("CronJob", f"{PODS['CronJob']}.spec.initContainers.0.command.6", "$(REMOT)", "variable REMOT"),
        ("CronJob", f"{PODS['CronJob']}.spec.initContainers.0.envFrom.0.configMapRef.name", "model", "config model"),
        ("Service", "spec.ports.0.targetPort", "https", "port https"),
        ("Service", "spec.selector", {"app": "model"}, "labels {'app': 'model'}"),
        ("PodDisruptionBudget", "spec.selector.matchLabels", {}, "labels {}"),
        ("NetworkPolicy", "spec.ingress.0.ports.0.port", "https", "port https"),
        ("NetworkPolicy", "spec.podSelector.matchLabels", {"app": "model"}, "labels {'app': 'model'}"),
        ("Ingress", "spec.rules.0.http.paths.0.backend.service.name", "modell", "service modell"),
        ("HorizontalPodAutoscaler", "spec.scaleTargetRef.name", "modell", "scaled modell"),
        ("HorizontalPodAutoscaler", "spec.metrics.0.containerResource.container", "agent", "container agent"),
    ],
)
def test_name_that_leads_nowhere_is_noticed(
    kind: str, path: str, value: Any, lost: str, rendered: dict[str, list[Json]]
) -> None:
    assert dangling(put(rendered["staging"], kind, path, value)) == {lost}


def meant(resources: list[Json]) -> list[set[str]]:
    """Whose pods get requests, are spared by drains, and may reach the network."""
    kinds = ("Service", "PodDisruptionBudget", "NetworkPolicy")
    requests, drains, network = (one(resources, kind)["spec"] for kind in kinds)
    selectors = (requests["selector"], drains["selector"]["matchLabels"], network["podSelector"]["matchLabels"])
    return [chosen(selector, resources) for selector in selectors]


def test_requests_go_to_the_model_alone_and_both_reach_the_network(resources: list[Json]) -> None:
    assert meant(resources) == [{"StatefulSet"}, {"StatefulSet"}, set(PODS)]


def test_monitor_that_would_get_requests_is_noticed(resources: list[Json]) -> None:
    labels = template(resources, "StatefulSet")["metadata"]["labels"]
    assert set(PODS) in meant(put(resources, "CronJob", f"{PODS['CronJob']}.metadata.labels", labels))[:2]


def test_no_secret_is_in_git_and_the_readme_says_how_to_make_it(resources: list[Json]) -> None:
    assert "Secret" not in {resource["kind"] for resource in resources}
    variables = {kind: [*every(pod(resources, kind), "secretKeyRef")] for kind in PODS}
    readme = (ROOT / "deploy/README.md").read_text()
    assert [key for key in every(variables, "key") if f"`{key}=" not in readme] == []
    given = {kind: {f"{one['name']} {one['key']}" for one in found} for kind, found in variables.items()}
    assert given == {"StatefulSet": {"model STORE_URL", "model SERVICE_TOKEN"}, "CronJob": {"model STORE_URL"}}


def test_secrets_of_which_the_readme_tells_need_not_be_there(resources: list[Json]) -> None:
    taken = [one for kind in PODS for one in every(pod(resources, kind), "secretRef")]
    assert {one["name"] for one in taken} == {"model-git", "model-monitor"}
    assert all(one["optional"] for one in taken)
    readme = (ROOT / "deploy/README.md").read_text()
    names = ("model-git", "model-monitor", "ALERT_URLS", "GITHUB_REPOSITORY", "GITHUB_TOKEN")
    assert [name for name in names if f"`{name}" not in readme] == []
