"""The GET routes: the status page, health, the served model, metrics, the interface as OpenAPI."""

from collections.abc import Callable
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get
from litestar.exceptions import HTTPException

from mlops.serving import pages
from mlops.serving.answers import Served
from mlops.serving.challenger import Challenger
from mlops.serving.current import Current
from mlops.serving.logs import log
from mlops.serving.refusal import Refused
from mlops.serving.status import Status

NOT_YET = Refused(503, "", "ready", "no release is served yet; the agent puts one into the folder of releases")
FAULT = Refused(500, "", "fault", "a fault of the service; its log says more")


def application(current: Current, challenger: Challenger, metrics: Callable[[], bytes], status: Status) -> Litestar:
    """These routes as one ASGI application."""

    @get("/", media_type=MediaType.HTML)
    async def page() -> Response[str]:
        return Response(pages.render(await status.state()), headers=pages.HEADERS)

    @get("/health/live", sync_to_thread=False)
    def live() -> dict[str, str]:
        return {"status": "alive"}

    @get("/health/ready", sync_to_thread=False)
    def ready() -> dict[str, str]:
        return {"status": "ready", "version": served(current).release.version}

    @get("/model", sync_to_thread=False)
    def model() -> dict[str, Any]:
        return {**served(current).description, "challenger": challenger.rival and challenger.rival.challenge}

    @get("/schema", sync_to_thread=False)
    def schema() -> dict[str, Any]:
        return served(current).openapi

    @get("/metrics", media_type=MediaType.TEXT, sync_to_thread=False)
    def counts() -> bytes:
        return metrics()

    handlers: Any = {Refused: _refused, HTTPException: _not_here, Exception: _bug}
    routes = [page, live, ready, model, schema, counts]
    return Litestar(routes, exception_handlers=handlers, openapi_config=None, logging_config=None)


def served(current: Current) -> Served:
    """What is served now, or the refusal that says there is nothing."""
    if current.served is None:
        raise NOT_YET
    return current.served


def _refused(_request: Request[Any, Any, Any], error: Refused) -> Response[bytes]:
    return Response(error.body, status_code=error.status, media_type=MediaType.JSON)


def _not_here(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    field, rule = ("method", "method") if error.status_code == 405 else ("path", "path")
    message = f"{request.method} {request.url.path}: {error.detail}"
    answer = _refused(request, Refused(error.status_code, field, rule, message))
    if error.status_code == 405:
        answer.set_header("allow", "GET")
    return answer


def _bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log("error", "a fault of the service", path=request.url.path, reason=repr(error))
    return _refused(request, FAULT)
