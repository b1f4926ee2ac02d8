"""Log a workflow's job in at a cloud by GitHub's identity token: no secret is stored anywhere.

The clouds' own libraries then find what they need by the variables and files that are made here. They read a file anew
when they need a token, as Kubernetes replaces such files; so does `renew`, as GitHub's tokens live five minutes.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from mlops.contract import BadInput

REQUEST_URL, REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
AWS, AZURE, GOOGLE = ("AWS_ROLE_ARN",), ("AZURE_CLIENT_ID", "AZURE_TENANT_ID"), ("GOOGLE_WORKLOAD_IDENTITY_PROVIDER",)
PASSED_ON = (*AWS, "AWS_REGION", *AZURE, "GOOGLE_CLOUD_PROJECT")
PAUSE, TURNS = 120.0, 180  # seconds: one renewal may fail; together six hours, the longest that GitHub's runners work


def wanted(variables: Mapping[str, str]) -> bool:
    """Do the repository's variables name a cloud to log in at?"""
    return any(all(variables.get(name) for name in names) for names in (AWS, AZURE, GOOGLE))


def export(environment: Mapping[str, str] = os.environ) -> None:
    """Log in where the repository's variables, as JSON in VARIABLES, say so; later steps inherit it by GITHUB_ENV.

    Leaves a process behind that renews the tokens; runners end it with the job.
    """
    variables = json.loads(environment.get("VARIABLES") or "{}")
    if not wanted(variables):
        return
    if REQUEST_URL not in environment:
        print("This job may not ask GitHub for an identity token (as in a fork's pull request): not logged in")
        return
    with Path(environment["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={' '.join(value.split())}\n" for name, value in login(variables, environment).items())
    paths = {**environment, "PYTHONPATH": str(Path(__file__).parents[2])}
    command, no = [sys.executable, "-m", __name__], subprocess.DEVNULL
    subprocess.Popen(command, env=paths, stdin=no, stdout=no, stderr=no, start_new_session=True)


def renew(environment: Mapping[str, str] = os.environ, pause: float = PAUSE, turns: int = TURNS) -> None:
    """Log in again and again."""
    for _ in range(turns):
        time.sleep(pause)
        with suppress(BadInput):  # the token that is there lasts until the next turn
            login(json.loads(environment["VARIABLES"]), environment)


def login(variables: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Write tokens below RUNNER_TEMP that nobody else may read; what later steps need in their environment.

    Parameters
    ----------
    variables
        The repository's: AWS_ROLE_ARN; or AZURE_CLIENT_ID and AZURE_TENANT_ID; or GOOGLE_WORKLOAD_IDENTITY_PROVIDER
        (projects/N/locations/global/workloadIdentityPools/POOL/providers/NAME), and GOOGLE_SERVICE_ACCOUNT where
        one is to be impersonated.
    environment
        The runner's, in a job with `id-token: write`.

    Raises
    ------
    BadInput
        GitHub gives no token.
    """
    exported = {name: variables[name] for name in PASSED_ON if variables.get(name)}
    if all(variables.get(name) for name in AWS):
        region = variables.get("AWS_REGION")  # which Python's library doesn't read
        exported |= {"AWS_DEFAULT_REGION": region} if region else {}
        token = _token("sts.amazonaws.com", environment)
        exported["AWS_WEB_IDENTITY_TOKEN_FILE"] = _keep("aws", token, environment)
    if all(variables.get(name) for name in AZURE):
        token = _token("api://AzureADTokenExchange", environment)
        exported["AZURE_FEDERATED_TOKEN_FILE"] = _keep("azure", token, environment)
    if all(variables.get(name) for name in GOOGLE):
        token = _token(f"https://iam.googleapis.com/{variables[GOOGLE[0]]}", environment)
        credentials = _external_account(variables, _keep("google", token, environment))
        exported["GOOGLE_APPLICATION_CREDENTIALS"] = _keep("google.json", json.dumps(credentials), environment)
    return exported


def _token(audience: str, environment: Mapping[str, str]) -> str:
    """A fresh identity token of this job; runners hide it in logs, once told.

    References
    ----------
    docs.github.com: OpenID Connect, "Using environment variables on the runner".
    """
    import requests

    headers = {"Authorization": f"Bearer {environment[REQUEST_TOKEN]}"}
    try:
        answer = requests.get(environment[REQUEST_URL], {"audience": audience}, headers=headers, timeout=30)
        answer.raise_for_status()
        token: str = answer.json()["value"]
    except (requests.RequestException, KeyError, ValueError) as error:
        raise BadInput(f"GitHub gave no identity token for {audience}: {error}") from None
    print(f"::add-mask::{token}", flush=True)
    return token


def _keep(name: str, content: str, environment: Mapping[str, str]) -> str:
    folder = Path(environment["RUNNER_TEMP"]) / "storage"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = folder / f"{name}.part"
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)
    return str(scratch.replace(folder / name))


def _external_account(variables: Mapping[str, str], token_file: str) -> dict[str, object]:
    """What google-auth reads, as `gcloud iam workload-identity-pools create-cred-config` writes it."""
    account = variables.get("GOOGLE_SERVICE_ACCOUNT")
    iam = "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts"
    impersonation = {"service_account_impersonation_url": f"{iam}/{account}:generateAccessToken"} if account else {}
    return {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{variables[GOOGLE[0]]}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": token_file},
        **impersonation,
    }


if __name__ == "__main__":
    renew()
