"""What deploy/kubernetes asks of a cluster: valid by Kubernetes' schemas, locked down, every name leading somewhere."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests import documents
from tests.conftest import ROOT
from tests.deploy.conftest import OVERLAYS, Json, containers, every, leaves, one, pod, put, render

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
    assert len(resources) == 8
    validate(resources, version)


@pytest.mark.parametrize(
    ("file", "field"),
    [
        ("statefulset.yaml", "readOnlyRootFilesystem"),
        ("statefulset.yaml", "readinessProbe"),
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


def test_pods_are_locked_down(resources: list[Json]) -> None:
    assert list(weaknesses(pod(resources))) == []


POD = "spec.template.spec"


@pytest.mark.parametrize(
    ("path", "value", "weakness"),
    [
        (f"{POD}.securityContext.runAsNonRoot", False, "runs as root or a user of the node"),
        (f"{POD}.securityContext.runAsUser", 0, "runs as root or a user of the node"),
        (f"{POD}.securityContext.seccompProfile", None, "any system call"),
        (f"{POD}.automountServiceAccountToken", True, "a token of the cluster"),
        (f"{POD}.initContainers.0.securityContext.readOnlyRootFilesystem", False, "first-release: writes to its image"),
        (f"{POD}.initContainers.1.securityContext.capabilities", {"drop": []}, "agent: gains rights"),
        (f"{POD}.containers.0.securityContext.allowPrivilegeEscalation", True, "service: gains rights"),
        (f"{POD}.containers.0.resources.limits", {"cpu": "1"}, "service: no limits"),
        (f"{POD}.containers.0.readinessProbe", None, "service: listens without probes"),
    ],
)
def test_pod_that_is_not_locked_down_is_noticed(
    path: str, value: Any, weakness: str, rendered: dict[str, list[Json]]
) -> None:
    assert list(weaknesses(pod(put(rendered["production"], "StatefulSet", path, value)))) == [weakness]


def dangling(resources: list[Json]) -> set[str]:
    """Names by which one part means another, and that lead nowhere."""
    spec, whole = pod(resources), one(resources, "StatefulSet")["spec"]
    config, service = one(resources, "ConfigMap"), one(resources, "Service")
    names = {
        "volume": every([spec["volumes"], whole["volumeClaimTemplates"]], "name"),
        "port": every([*every(spec, "ports")], "name"),
        "container": [container["name"] for container in spec["containers"]],
        "config": [config["metadata"]["name"]],
        "variable": config["data"],
        "service": [service["metadata"]["name"], *every(service["spec"]["ports"], "name")],
        "labels": [str(whole["template"]["metadata"]["labels"])],
        "scaled": [one(resources, "StatefulSet")["metadata"]["name"]],
    }
    meant = {
        "volume": every([*every(spec, "volumeMounts")], "name"),
        "port": [
            *every([*every(spec, "httpGet"), *every(resources, "ingress")], "port"),
            *every(service, "targetPort"),
        ],
        "container": every(resources, "container"),
        "config": every([*every(spec, "configMapRef")], "name"),
        "variable": re.findall(r"\$\((\w+)\)", str(spec)),
        "service": every([*every(resources, "backend")], "name"),
        "labels": map(str, [*every(resources, "matchLabels"), service["spec"]["selector"]]),
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
        ("Service", "spec.ports.0.targetPort", "https", "port https"),
        ("Service", "spec.selector", {"app": "model"}, "labels {'app': 'model'}"),
        ("PodDisruptionBudget", "spec.selector.matchLabels", {}, "labels {}"),
        ("NetworkPolicy", "spec.ingress.0.ports.0.port", "https", "port https"),
        ("Ingress", "spec.rules.0.http.paths.0.backend.service.name", "modell", "service modell"),
        ("HorizontalPodAutoscaler", "spec.scaleTargetRef.name", "modell", "scaled modell"),
        ("HorizontalPodAutoscaler", "spec.metrics.0.containerResource.container", "agent", "container agent"),
    ],
)
def test_name_that_leads_nowhere_is_noticed(
    kind: str, path: str, value: Any, lost: str, rendered: dict[str, list[Json]]
) -> None:
    assert dangling(put(rendered["staging"], kind, path, value)) == {lost}


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
    kept = {volume["name"]: "emptyDir" not in volume for volume in pod(resources)["volumes"]}
    assert claim["metadata"]["name"] == "spool"
    assert kept == {"releases": False, "tmp": False}


def test_agent_comes_first_and_stays_beside_the_service(resources: list[Json]) -> None:
    first, beside = pod(resources)["initContainers"]
    assert first["args"] == [*beside["args"], "--once"]
    assert "restartPolicy" not in first
    assert beside["restartPolicy"] == "Always"


def test_no_secret_is_in_git_and_the_readme_says_how_to_make_it(resources: list[Json]) -> None:
    assert "Secret" not in {resource["kind"] for resource in resources}
    given = {variable["name"]: variable["valueFrom"] for variable in pod(resources)["containers"][0]["env"]}
    readme = (ROOT / "deploy/README.md").read_text()
    assert [name for name in given if f"`{name}=" not in readme] == []
    assert given == {name: {"secretKeyRef": {"name": "model", "key": name}} for name in ("STORE_URL", "SERVICE_TOKEN")}


def test_kubectl_knows_every_option_that_the_readme_gives_it(kubectl: Path) -> None:
    shown = documents.shown((ROOT / "deploy/README.md").read_text(encoding="utf-8"))
    commands = [words for words in shown if words[0] == "kubectl"]
    assert len(commands) == 4
    assert [words for words in commands if not understood(kubectl, words)] == []
    assert not understood(kubectl, ["kubectl", "apply", "--kustomise", "deploy/kubernetes/staging"])


def understood(kubectl: Path, words: list[str]) -> bool:
    """Asked for help, kubectl reads its options first."""
    return subprocess.run([kubectl, *words[1:], "--help"], capture_output=True, check=False).returncode == 0
