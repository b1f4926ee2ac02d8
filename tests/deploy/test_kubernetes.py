"""What deploy/kubernetes asks of a cluster: valid by Kubernetes' schemas, locked down, every name leading somewhere."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests.conftest import ROOT
from tests.deploy.conftest import OVERLAYS, PODS, Json, containers, every, leaves, one, pod, put, render, template

pytestmark = pytest.mark.xdist_group("kubernetes")  # they share what was rendered
VERSIONS = (
    "1.30",
    kubernetes_validate.latest_version(),
)  # the oldest that statefulset.yaml names, and the newest known


def validate(resources: list[Json], version: str) -> None:
    for resource in resources:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_resource_fits_kubernetes_schemas(version: str, resources: list[Json]) -> None:
    assert len(resources) == 9
    validate(resources, version)


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ("statefulset.yaml", "readOnlyRootFilesystem"),
        ("statefulset.yaml", "readinessProbe"),
        ("monitor.yaml", "concurrencyPolicy"),
        ("monitor.yaml", "restartPolicy"),
        ("service.yaml", "targetPort"),
        ("ingress.yaml", "pathType"),
        ("autoscaler.yaml", "averageUtilization"),
        ("disruption.yaml", "maxUnavailable"),
        ("network.yaml", "policyTypes"),
    ],
)
def test_misspelt_field_is_noticed(file: str, field: str, kubectl: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(ROOT / "deploy/kubernetes", tmp_path / "kubernetes")
    text = (folder / "base" / file).read_text()
    assert f"{field}:" in text
    (folder / "base" / file).write_text(text.replace(f"{field}:", f"{field}s:"))
    with pytest.raises(kubernetes_validate.ValidationError, match=f"{field}s"):
        validate(render(kubectl, folder / "staging"), VERSIONS[-1])


def weaknesses(spec: Json) -> Iterator[str]:
    """What a pod may do, or takes, beyond what it needs."""
    common = spec["securityContext"]
    if not common.get("runAsNonRoot") or common.get("runAsUser", 0) < 10_000:
        yield "runs as root or a user of the node"
    if common.get("seccompProfile") != {"type": "RuntimeDefault"}:
        yield "any system call"
    if spec.get("automountServiceAccountToken") is not False:
        yield "a token of the cluster"
    for container in containers(spec):
        held, name = container.get("securityContext", {}), container["name"]
        if not held.get("readOnlyRootFilesystem"):
            yield f"{name}: writes to its image"
        if held.get("allowPrivilegeEscalation") is not False or held.get("capabilities") != {"drop": ["ALL"]}:
            yield f"{name}: gains rights"
        if not {"cpu", "memory", *container["resources"]["requests"]} <= set(container["resources"]["limits"]):
            yield f"{name}: no limits"
        if "ports" in container and not all(container[f"{when}Probe"] for when in ("startup", "liveness", "readiness")):
            yield f"{name}: listens without probes"


@pytest.mark.parametrize("kind", PODS)
def test_pods_are_locked_down(kind: str, resources: list[Json]) -> None:
    assert list(weaknesses(pod(resources, kind))) == []


@pytest.mark.parametrize(
    ("kind", "path", "value", "weakness"),
    [
        ("StatefulSet", "securityContext.runAsNonRoot", False, "runs as root or a user of the node"),
        ("StatefulSet", "securityContext.runAsUser", 0, "runs as root or a user of the node"),
        ("StatefulSet", "securityContext.seccompProfile", None, "any system call"),
        ("StatefulSet", "automountServiceAccountToken", True, "a token of the cluster"),
        ("StatefulSet", "initContainers.0.securityContext.readOnlyRootFilesystem", False,
         "first-release: writes to its image"),
        ("StatefulSet", "initContainers.1.securityContext.capabilities", {"drop": []}, "agent: gains rights"),
        ("StatefulSet", "containers.0.securityContext.allowPrivilegeEscalation", True, "service: gains rights"),
        ("StatefulSet", "containers.0.resources.limits", {"cpu": "1"}, "service: no limits"),
        ("StatefulSet", "containers.0.readinessProbe", None, "service: listens without probes"),
        ("CronJob", "securityContext.runAsUser", 0, "runs as root or a user of the node"),
        ("CronJob", "automountServiceAccountToken", True, "a token of the cluster"),
        ("CronJob", "initContainers.0.securityContext.capabilities", {"drop": []}, "clone: gains rights"),
        ("CronJob", "containers.0.securityContext.readOnlyRootFilesystem", False, "month: writes to its image"),
        ("CronJob", "containers.0.resources.limits", {"cpu": "1"}, "month: no limits"),
    ],
)  # fmt: skip
def test_pod_that_is_not_locked_down_is_noticed(
    kind: str, path: str, value: Any, weakness: str, rendered: dict[str, list[Json]]
) -> None:
    changed = put(rendered["production"], kind, f"{PODS[kind]}.spec.{path}", value)
    assert list(weaknesses(pod(changed, kind))) == [weakness]


def kept(spec: Json) -> dict[str, bool]:
    """The volumes of a pod; is each kept when the pod is gone?"""
    return {volume["name"]: "emptyDir" not in volume for volume in spec["volumes"]}


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


def test_overlays_differ_in_stage_replicas_and_host_alone(rendered: dict[str, list[Json]]) -> None:
    by_kind = [{f".{one['kind']}{place}": value for one in rendered[name] for place, value in leaves(one).items()}
               for name in OVERLAYS]  # fmt: skip
    differing = {place for place in by_kind[0] | by_kind[1] if by_kind[0].get(place) != by_kind[1].get(place)}
    named = {place for place in differing if place.endswith((".name", ".namespace"))}  # namespace, hash of the settings
    assert differing - named == {
        ".ConfigMap.data.STAGE",
        ".HorizontalPodAutoscaler.spec.maxReplicas",
        ".HorizontalPodAutoscaler.spec.minReplicas",
        ".Ingress.spec.rules.0.host",
        ".Ingress.spec.tls.0.hosts.0",
    }
    assert [one(rendered[name], "ConfigMap")["data"]["STAGE"] for name in OVERLAYS] == ["staging", "prod"]


def test_spool_outlives_its_pod_and_a_release_does_not_need_to(resources: list[Json]) -> None:
    (claim,) = one(resources, "StatefulSet")["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "spool"
    assert kept(pod(resources)) == {"releases": False, "tmp": False}
    assert kept(pod(resources, "CronJob")) == {"project": False, "tmp": False}


def test_agent_comes_first_and_stays_beside_the_service(resources: list[Json]) -> None:
    first, beside = pod(resources)["initContainers"]
    assert first["args"] == [*beside["args"], "--once"]
    assert "restartPolicy" not in first
    assert beside["restartPolicy"] == "Always"


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
