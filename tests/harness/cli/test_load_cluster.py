"""The example for containers: its files are whole, agree with each other, and say what the command understands."""

import socket
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CLUSTER = ROOT / "examples" / "load-cluster"

COMPOSE = yaml.safe_load((CLUSTER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    (each["kind"], each["metadata"]["name"]): each
    for name in ("kubernetes.yaml", "results.yaml")
    for each in yaml.safe_load_all((CLUSTER / name).read_text())
}


def spec(kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = OBJECTS[kind, name]["spec"]
    return found


def pods() -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Labels and spec of each pod, those of jobs too."""
    for (kind, _), each in OBJECTS.items():
        if kind == "Job":
            template = each["spec"]["template"]
            yield template["metadata"]["labels"], template["spec"]
        elif kind == "Pod":
            yield each["metadata"].get("labels", {}), each["spec"]


def words_of_jobs(part: str) -> list[str]:
    [container] = spec("Job", f"mailproof-{part}")["template"]["spec"]["containers"]
    words: list[str] = container["args"]
    return words


def after(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


COMMANDS = {
    **{f"compose: {name}": service["command"] for name, service in SERVICES.items()},
    **{f"kubernetes: {part}": words_of_jobs(part) for part in ("master", "worker")},
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_what_containers_are_told_is_understood(asked, words: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = f"127.0.0.1:{listener.getsockname()[1]}"
    request = asked(*(word.replace("0.0.0.0:5557", free) for word in words))

    assert request.target.authorized
    assert request.role.master != request.role.worker
    assert request.role.master == (request.role.expected == 4)


def test_compose_starts_as_many_workers_as_the_master_waits_for() -> None:
    master, worker = SERVICES["master"], SERVICES["worker"]

    assert set(SERVICES) == {"master", "worker"}
    assert int(after(master["command"], "--expect-workers")) == worker["deploy"]["replicas"]
    assert after(worker["command"], "--master-host") in SERVICES
    assert set(worker["depends_on"]) <= set(SERVICES)


def test_compose_gives_each_the_target_file_and_keeps_the_results() -> None:
    for service in SERVICES.values():
        [secret] = service["secrets"]
        assert service["command"][1] == f"/run/secrets/{secret}"
        assert set(COMPOSE["secrets"][secret]) == {"file"}
        build = service["build"]
        assert (CLUSTER / build["context"]).resolve() == ROOT
        assert ROOT / build["dockerfile"] == CLUSTER / "Dockerfile"

    [volume] = SERVICES["master"]["volumes"]
    assert volume.partition(":")[2] == after(SERVICES["master"]["command"], "--out")


def test_kubernetes_runs_as_many_workers_as_the_master_waits_for() -> None:
    workers = spec("Job", "mailproof-worker")

    assert workers["completions"] == workers["parallelism"]
    assert workers["parallelism"] == int(after(words_of_jobs("master"), "--expect-workers"))


def test_in_kubernetes_workers_and_nobody_else_find_the_master() -> None:
    labels = {part: spec("Job", f"mailproof-{part}")["template"]["metadata"]["labels"] for part in PARTS}
    service = spec("Service", after(words_of_jobs("worker"), "--master-host"))
    policy = spec("NetworkPolicy", "mailproof-master")
    [rule] = policy["ingress"]
    [allowed] = rule["from"]
    port = int(after(words_of_jobs("master"), "--bind").rpartition(":")[2])

    assert service["selector"] == labels["master"]
    assert policy["podSelector"]["matchLabels"] == labels["master"]
    assert allowed["podSelector"]["matchLabels"] == labels["worker"]
    assert [port] == [each["port"] for each in service["ports"]] == [each["port"] for each in rule["ports"]]


PARTS = ("master", "worker")


def test_what_kubernetes_mounts_is_there() -> None:
    for _labels, pod in pods():
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        [container] = pod["containers"]
        mounted = {each["mountPath"]: volumes[each["name"]] for each in container["volumeMounts"]}
        assert container["image"] == SERVICES["master"]["image"]
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim")
            assert claim is None or ("PersistentVolumeClaim", claim["claimName"]) in OBJECTS
        for word in container.get("args", ()):
            if word.startswith("/"):
                assert any(PurePosixPath(word).is_relative_to(path) for path in mounted), word


def test_the_image_is_made_of_what_is_there() -> None:
    lines = (CLUSTER / "Dockerfile").read_text().splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
    kept = [
        line[1:]
        for line in (CLUSTER / "Dockerfile.dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]

    assert all((ROOT / each).exists() for each in [*copied, *kept])
    # All packages, and what pyproject.toml names.
    project = (ROOT / "pyproject.toml").read_text()
    assert all(f'"{each}' in project for each in kept if (ROOT / each).is_dir())
    assert {"LICENSE", "README.md", "pyproject.toml", "requirements/run.txt"} <= set(kept)
