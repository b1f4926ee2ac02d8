"""Logging in at a cloud, against a server on loopback that plays GitHub's and Amazon's part."""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
from botocore.exceptions import ClientError

from mlops.contract import BadInput
from mlops.releasing import oidc

PROVIDER = "projects/1/locations/global/workloadIdentityPools/github/providers/repo"
ASSUMED = """<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>id-for-{token}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
</AssumeRoleWithWebIdentityResponse>"""


EXPIRED = "<ErrorResponse><Error><Code>ExpiredTokenException</Code><Message>expired</Message></Error></ErrorResponse>"


class Answers(BaseHTTPRequestHandler):
    now = ""  # what tokens end with; Amazon takes no others

    def do_GET(self) -> None:
        audience = parse_qs(urlsplit(self.path).query)["audience"][0]
        allowed = self.headers["Authorization"] == "Bearer request-token"
        self.answer(
            200 if allowed else 401, json.dumps({"value": f"token-for-{audience}{self.now}"} if allowed else {})
        )

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert asked["RoleArn"] == ["arn:aws:iam::1:role/reader"]
        (token,) = asked["WebIdentityToken"]
        fresh = token.endswith(self.now)
        self.answer(200 if fresh else 400, ASSUMED.format(token=token) if fresh else EXPIRED)

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a job that may ask for a token."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield {
            "RUNNER_TEMP": str(tmp_path / "temp"),
            oidc.REQUEST_URL: f"{url}/token?api-version=2.0",
            oidc.REQUEST_TOKEN: "request-token",
            "STS": url,
        }
        server.shutdown()


@pytest.mark.parametrize(
    ("variables", "file", "audience"),
    [
        ({"AWS_ROLE_ARN": "arn"}, "AWS_WEB_IDENTITY_TOKEN_FILE", "sts.amazonaws.com"),
        (
            {"AZURE_CLIENT_ID": "c", "AZURE_TENANT_ID": "t"},
            "AZURE_FEDERATED_TOKEN_FILE",
            "api://AzureADTokenExchange",
        ),
    ],
)
def test_token_is_written_for_the_cloud_that_the_variables_name_and_for_nobody_else_to_read(
    variables: dict[str, str], file: str, audience: str, runner: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert oidc.wanted(variables)
    exported = oidc.login({**variables, "OTHER": "x"}, runner)
    assert exported.keys() == {*variables, file}
    path = Path(exported[file])
    assert path.read_text() == f"token-for-{audience}"
    assert path.is_relative_to(runner["RUNNER_TEMP"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert capsys.readouterr().out == f"::add-mask::token-for-{audience}\n"


def test_google_gets_a_credential_file_that_names_the_token_file(runner: dict[str, str]) -> None:
    exported = oidc.login({"GOOGLE_WORKLOAD_IDENTITY_PROVIDER": PROVIDER, "GOOGLE_SERVICE_ACCOUNT": "a@b"}, runner)
    credentials = json.loads(Path(exported["GOOGLE_APPLICATION_CREDENTIALS"]).read_text())
    token = Path(credentials["credential_source"]["file"])
    assert token.read_text() == f"token-for-https://iam.googleapis.com/{PROVIDER}"
    assert credentials["audience"] == f"//iam.googleapis.com/{PROVIDER}"
    assert credentials["service_account_impersonation_url"].endswith("/a@b:generateAccessToken")
    assert {stat.S_IMODE(file.stat().st_mode) for file in token.parent.iterdir()} == {0o600}


def test_amazons_library_exchanges_the_token_by_itself(runner: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    exported = oidc.login({"AWS_ROLE_ARN": "arn:aws:iam::1:role/reader", "AWS_REGION": "eu-west-1"}, runner)
    for name, value in {**exported, "AWS_ENDPOINT_URL_STS": runner["STS"]}.items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session()
    assert session.get_credentials().access_key == "id-for-token-for-sts.amazonaws.com"
    assert session.get_config_variable("region") == "eu-west-1"


def test_a_token_is_fresh_after_a_training_that_outlasts_it(
    runner: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"AWS_ROLE_ARN": "arn:aws:iam::1:role/reader", "AWS_REGION": "eu-west-1"}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**oidc.login(variables, runner), "AWS_ENDPOINT_URL_STS": runner["STS"]}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Answers, "now", "-later")
    with pytest.raises(ClientError, match="ExpiredToken"):
        botocore.session.Session().get_credentials().get_frozen_credentials()
    oidc.renew({**runner, "VARIABLES": json.dumps(variables)}, pause=0, turns=1)
    renewed = botocore.session.Session().get_credentials().get_frozen_credentials()
    assert renewed.access_key == "id-for-token-for-sts.amazonaws.com-later"


def test_renewal_outlives_a_github_that_gives_no_token_for_once(runner: dict[str, str]) -> None:
    exported = oidc.login({"AWS_ROLE_ARN": "arn"}, runner)
    silent = {**runner, "VARIABLES": '{"AWS_ROLE_ARN": "arn"}', oidc.REQUEST_TOKEN: "another"}
    oidc.renew(silent, pause=0, turns=2)
    assert Path(exported["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text() == "token-for-sts.amazonaws.com"


def test_a_token_lasts_until_it_is_renewed_twice() -> None:
    assert 2 * oidc.PAUSE < 5 * 60
    assert oidc.PAUSE * oidc.TURNS >= 6 * 3600


def test_token_is_renewed_where_one_lies_already(runner: dict[str, str]) -> None:
    first = oidc.login({"AWS_ROLE_ARN": "arn"}, runner)
    Path(first["AWS_WEB_IDENTITY_TOKEN_FILE"]).write_text("stale")
    oidc.login({"AWS_ROLE_ARN": "arn"}, runner)
    assert Path(first["AWS_WEB_IDENTITY_TOKEN_FILE"]).read_text() == "token-for-sts.amazonaws.com"


@pytest.mark.parametrize("variables", [{}, {"AWS_ROLE_ARN": ""}, {"AZURE_CLIENT_ID": "c"}, {"AWS_REGION": "r"}])
def test_nothing_is_wanted_where_no_cloud_is_named(variables: dict[str, str], runner: dict[str, str]) -> None:
    assert not oidc.wanted(variables)
    oidc.login(variables, runner)
    assert not Path(runner["RUNNER_TEMP"]).exists()


def test_github_that_gives_no_token_is_named(runner: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=r"GitHub gave no identity token for sts\.amazonaws\.com: 401"):
        oidc.login({"AWS_ROLE_ARN": "arn"}, {**runner, oidc.REQUEST_TOKEN: "another"})


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """Processes that were left behind: their commands and environments."""
    found: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(oidc.subprocess, "Popen", lambda command, env, **_: found.append((command, env)))
    return found


def test_later_steps_inherit_the_login_and_nothing_else(
    runner: dict[str, str],
    tmp_path: Path,
    started: list[tuple[list[str], dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    variables = {"AWS_ROLE_ARN": "arn\nPATH=/elsewhere", "AWS_REGION": "eu-west-1", "OTHER": "x"}
    environment = {**runner, "VARIABLES": json.dumps(variables), "GITHUB_ENV": str(tmp_path / "env")}
    oidc.export(environment)
    assert (tmp_path / "env").read_text().splitlines() == [
        "AWS_ROLE_ARN=arn PATH=/elsewhere",
        "AWS_REGION=eu-west-1",
        "AWS_DEFAULT_REGION=eu-west-1",
        f"AWS_WEB_IDENTITY_TOKEN_FILE={runner['RUNNER_TEMP']}/storage/aws",
    ]
    ((command, given),) = started
    assert command == [sys.executable, "-m", "mlops.releasing.oidc"]
    assert given.items() >= environment.items()
    monkeypatch.undo()
    (Path(runner["RUNNER_TEMP"]) / "storage/aws").write_text("stale")
    once = "from mlops.releasing import oidc; oidc.renew(pause=0, turns=1)"
    subprocess.run([command[0], "-c", once], env=given, check=True)
    assert (Path(runner["RUNNER_TEMP"]) / "storage/aws").read_text() == "token-for-sts.amazonaws.com"


@pytest.mark.parametrize("missing", ["VARIABLES", oidc.REQUEST_URL])
def test_job_without_variables_or_rights_inherits_nothing(
    missing: str, runner: dict[str, str], tmp_path: Path, started: list[tuple[list[str], dict[str, str]]]
) -> None:
    environment = {**runner, "VARIABLES": '{"AWS_ROLE_ARN": "arn"}', "GITHUB_ENV": str(tmp_path / "env")}
    del environment[missing]
    oidc.export(environment)
    assert not (tmp_path / "env").exists()
    assert started == []
