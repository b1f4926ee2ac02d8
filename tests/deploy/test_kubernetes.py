"""What deploy/kubernetes asks of a cluster: valid by Kubernetes' schemas, locked down, every name leading somewhere."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from tests import documents
from tests.conftest import ROOT
from tests.deploy.conftest import OVERLAYS, PODS, Json, containers, leaves, one, pod, put, render

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


def test_kubectl_knows_every_option_that_the_readme_gives_it(kubectl: Path) -> None:
    shown = documents.shown((ROOT / "deploy/README.md").read_text(encoding="utf-8"))
    commands = [words for words in shown if words[0] == "kubectl"]
    assert len(commands) == 6
    assert [words for words in commands if not understood(kubectl, words)] == []
    assert not understood(kubectl, ["kubectl", "apply", "--kustomise", "deploy/kubernetes/staging"])


def understood(kubectl: Path, words: list[str]) -> bool:
    """Asked for help, kubectl reads its options first."""
    return subprocess.run([kubectl, *words[1:], "--help"], capture_output=True, check=False).returncode == 0
