"""The table of what the API answers: method, path, the permission that it takes and its level, and who answers."""

from collections.abc import Callable

from rehearsal.github import conversations, deliveries, settings
from rehearsal.github.calls import Answer, Call
from rehearsal.github.memory import Memory

Row = tuple[str, str, str, str, Callable[[Memory, Call], Answer]]
R = "/repos/OWNER/REPO"
POLICIES = "environments/ENVIRONMENT/deployment-branch-policies"
# `talk`: issues, or pull-requests as well where the number is a pull request's.
ROUTES: tuple[Row, ...] = (
    ("GET", "/user", "", "", settings.show_owner),
    ("GET", "/users/LOGIN", "", "", conversations.show_user),
    ("GET", "/orgs/ORG/teams/TEAM", "", "", settings.show_team),
    ("GET", R, "", "", conversations.show_repository),
    ("GET", f"{R}/pulls", "pull-requests", "read", conversations.list_pulls),
    ("POST", f"{R}/pulls", "pull-requests", "write", conversations.create_pull),
    ("GET", f"{R}/pulls/NUMBER", "pull-requests", "read", conversations.show_pull),
    ("PATCH", f"{R}/pulls/NUMBER", "pull-requests", "write", conversations.edit_pull),
    ("GET", f"{R}/pulls/NUMBER/reviews", "pull-requests", "read", conversations.list_reviews),
    ("GET", f"{R}/issues", "issues", "read", conversations.list_issues),
    ("POST", f"{R}/issues", "issues", "write", conversations.create_issue),
    ("GET", f"{R}/issues/NUMBER", "talk", "read", conversations.show_issue),
    ("PATCH", f"{R}/issues/NUMBER", "talk", "write", conversations.edit_issue),
    ("GET", f"{R}/issues/NUMBER/comments", "talk", "read", conversations.list_comments),
    ("POST", f"{R}/issues/NUMBER/comments", "talk", "write", conversations.create_comment),
    ("GET", f"{R}/issues/comments/COMMENT", "talk", "read", conversations.show_comment),
    ("PATCH", f"{R}/issues/comments/COMMENT", "talk", "write", conversations.edit_comment),
    ("DELETE", f"{R}/issues/comments/COMMENT", "talk", "write", conversations.delete_comment),
    ("POST", f"{R}/issues/NUMBER/labels", "talk", "write", conversations.add_labels),
    ("DELETE", f"{R}/issues/NUMBER/labels/LABEL", "talk", "write", conversations.remove_label),
    ("GET", f"{R}/labels", "talk", "read", conversations.list_labels),
    ("POST", f"{R}/labels", "talk", "write", conversations.create_label),
    ("GET", f"{R}/labels/LABEL", "talk", "read", conversations.show_label),
    ("PATCH", f"{R}/labels/LABEL", "talk", "write", conversations.edit_label),
    ("POST", f"{R}/actions/workflows/WORKFLOW/dispatches", "actions", "write", deliveries.dispatch),
    ("GET", f"{R}/actions/runs/RUN", "actions", "read", deliveries.show_run),
    ("GET", f"{R}/actions/runs/RUN/artifacts", "actions", "read", deliveries.list_artifacts),
    ("GET", f"{R}/actions/artifacts/ARTIFACT/zip", "actions", "read", deliveries.download_artifact),
    ("POST", f"{R}/statuses/SHA", "statuses", "write", deliveries.set_commit_status),
    ("GET", f"{R}/commits/SHA/statuses", "statuses", "read", deliveries.list_commit_statuses),
    ("GET", f"{R}/deployments", "deployments", "read", deliveries.list_deployments),
    ("POST", f"{R}/deployments", "deployments", "write", deliveries.create_deployment),
    ("GET", f"{R}/deployments/DEPLOYMENT/statuses", "deployments", "read", deliveries.list_statuses),
    ("POST", f"{R}/deployments/DEPLOYMENT/statuses", "deployments", "write", deliveries.create_status),
    ("GET", f"{R}/releases", "contents", "read", deliveries.list_releases),
    ("POST", f"{R}/releases", "contents", "write", deliveries.create_release),
    ("PATCH", f"{R}/releases/RELEASE", "contents", "write", deliveries.edit_release),
    ("GET", f"{R}/releases/RELEASE/assets", "contents", "read", deliveries.list_assets),
    ("POST", f"{R}/releases/RELEASE/assets", "contents", "write", deliveries.upload_asset),
    ("DELETE", f"{R}/releases/assets/ASSET", "contents", "write", deliveries.delete_asset),
    ("GET", f"{R}/releases/latest", "contents", "read", deliveries.latest_release),
    ("GET", f"{R}/releases/tags/TAG", "contents", "read", deliveries.show_release),
    ("GET", f"{R}/actions/permissions/workflow", "administration", "read", settings.show_actions),
    ("PUT", f"{R}/actions/permissions/workflow", "administration", "write", settings.set_actions),
    ("GET", f"{R}/environments/ENVIRONMENT", "actions", "read", settings.show_environment),
    ("PUT", f"{R}/environments/ENVIRONMENT", "administration", "write", settings.set_environment),
    ("GET", f"{R}/{POLICIES}", "actions", "read", settings.list_policies),
    ("POST", f"{R}/{POLICIES}", "administration", "write", settings.create_policy),
    ("DELETE", f"{R}/{POLICIES}/POLICY", "administration", "write", settings.delete_policy),
    ("GET", f"{R}/environments/ENVIRONMENT/secrets/public-key", "environments", "read", settings.show_box),
    ("GET", f"{R}/environments/ENVIRONMENT/secrets/SECRET", "environments", "read", settings.show_secret),
    ("PUT", f"{R}/environments/ENVIRONMENT/secrets/SECRET", "environments", "write", settings.set_secret),
    ("DELETE", f"{R}/environments/ENVIRONMENT/secrets/SECRET", "environments", "write", settings.delete_secret),
    ("GET", f"{R}/keys", "administration", "read", settings.list_keys),
    ("POST", f"{R}/keys", "administration", "write", settings.create_key),
    ("DELETE", f"{R}/keys/KEY", "administration", "write", settings.delete_key),
    ("GET", f"{R}/rulesets", "", "", settings.list_rulesets),
    ("POST", f"{R}/rulesets", "administration", "write", settings.create_ruleset),
    ("GET", f"{R}/rulesets/RULESET", "", "", settings.show_ruleset),
    ("PUT", f"{R}/rulesets/RULESET", "administration", "write", settings.set_ruleset),
)
