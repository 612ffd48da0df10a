"""The HTTP edge: one factory for every function's FastAPI application.

Who calls, what a refusal looks like, paging, ETags and Idempotency-Key are decided here, once.
"""

import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.utils import create_model_field
from mangum import Mangum
from mangum.types import LambdaContext
from pydantic import BaseModel
from pydantic.warnings import UnsupportedFieldAttributeWarning
from starlette.exceptions import HTTPException

from dispatch.core import start, time
from dispatch.core.errors import FieldError, Forbidden, Invalid, Refusal
from dispatch.core.idempotency import AlreadyAnswered, Once
from dispatch.core.logging import count_failure, flush_metrics, logger
from dispatch.core.views import (
    ConflictProblem,
    InvalidProblem,
    Problem,
    QuotaProblem,
    TooFewCreditsProblem,
)

# As FastAPI says of it while it builds models, and no longer when we have it build them later.
warnings.filterwarnings("ignore", category=UnsupportedFieldAttributeWarning)

PROBLEM_JSON = "application/problem+json"
VOLATILE = frozenset({"expires_in_s", "url"})
"""Members an ETag is blind to: they change by themselves, or are signed anew at every look."""
MAX_FIELDS_TOLD = 100
MAX_NAME_TOLD = 200
"""Of wrong fields. A body may hold more than fits into an answer (Lambda's limit is 6 MB)."""


def create_app(title: str) -> FastAPI:
    """An application whose every refusal is a problem document."""
    app = _Application(
        title=title, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    app.router.route_class = _Route
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(AlreadyAnswered, _answered)
    app.add_exception_handler(Exception, _failed)
    return app


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        for route in self.routes:
            if isinstance(route, _Route):
                route.document()
        return super().openapi()


class _Route(APIRoute):
    """Documents the refusals every call of its kind can meet; ``answers`` adds a call's own.

    A keyed request is answered with what its repeats will get, to the letter.
    """

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, responses: Any = None, **options: Any
    ) -> None:
        super().__init__(path, endpoint, **options)
        self._own = responses or {}

    def document(self) -> None:
        """For the API document. FastAPI would build these models at every start, for nobody."""
        possible = {*self._own, *self._refusals()}
        told = answers(403, 409, 422, 503) | self._own
        self.responses = {status: told[status] for status in told if status in possible}
        self.response_fields = {
            status: create_model_field(
                f"Response_{status}_{self.unique_id}", response["model"], mode="serialization"
            )
            for status, response in self.responses.items()
            if "model" in response
        }

    def _refusals(self) -> Iterator[int]:
        """Of what every call may answer, what this one can."""
        parts = list(_with_all_below(self.dependant))
        if any(isinstance(part.call, _MemberOf) for part in parts):
            yield 403
        if any(
            header.alias == "Idempotency-Key" for part in parts for header in part.header_params
        ):
            yield 409
        if any(
            part.path_params or part.query_params or part.header_params or part.body_params
            for part in parts
        ):
            yield 422
        if self.methods != {"GET"}:
            yield 503

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            response = await handle(request)
            keyed: Once | None = getattr(request.state, "keyed", None)
            return _document(keyed.answers[-1]) if keyed and keyed.answers else response

        return answer


def _with_all_below(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for part in dependant.dependencies:
        yield from _with_all_below(part)


# What the API document tells of a call's answers


def _refusal(description: str, model: type[Problem], **members: Any) -> dict[str, Any]:
    content = {"example": members} if members else {}
    return {"model": model, "description": description, "content": {PROBLEM_JSON: content}}


_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds until the caller may do it again",
        "schema": {"type": "integer", "examples": [714]},
    }
}
_REFUSALS = {
    403: _refusal(
        "Not in the group this call is for",
        Problem,
        type="/problems/forbidden",
        title="Forbidden",
        status=403,
        detail="This call is for the group mechanic.",
    ),
    400: _refusal(
        "Not signed by who it says it is from, or too long ago",
        Problem,
        type="/problems/bad-signature",
        title="Bad signature",
        status=400,
        detail="This is not signed by Stripe with the secret of ours.",
    ),
    402: _refusal("Too few credits", TooFewCreditsProblem),
    404: _refusal("No such thing, or not the caller's", Problem),
    409: _refusal("The state does not allow it", ConflictProblem),
    422: _refusal("Fields are wrong", InvalidProblem),
    429: _refusal("Too often for one caller; what repeats a key does not count", QuotaProblem)
    | {"headers": _RETRY_AFTER},
    503: _refusal(
        "Try again",
        Problem,
        type="/problems/busy",
        title="Try again",
        status=503,
        detail="Too many changes at once. Try again in a second.",
    ),
}


def answers(
    *refusals: int, example: Mapping[str, Any] | None = None
) -> dict[int | str, dict[str, Any]]:
    """A route's ``responses``: its refusals, and an example of its 200 if not its model's own."""
    told: dict[int | str, dict[str, Any]] = {status: _REFUSALS[status] for status in refusals}
    if example is not None:
        told[200] = {"content": {"application/json": {"example": example}}}
    return told


_ETAG = {
    "ETag": {
        "description": "Of this answer; `expires_in_s` does not count",
        "schema": {"type": "string", "examples": ['"0c6e7f1d2b9a4c538e1f60a7d3b2c495"']},
    }
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The `ETag` of the answer the caller has.",
}


def with_etag(*refusals: int) -> dict[str, Any]:
    """What the route of a call that answers with ``conditional`` is declared with."""
    told: dict[int | str, dict[str, Any]] = {
        200: {"headers": _ETAG},
        304: {"description": "The caller has it already", "headers": _ETAG},
    }
    return {
        "responses": told | answers(*refusals),
        "openapi_extra": {"parameters": [_IF_NONE_MATCH]},
    }


# Mangum would log what was raised once more, with what it says; ``_failed`` knows what may be said.
logging.getLogger("mangum").setLevel(logging.CRITICAL)


def lambda_handler(
    app: FastAPI,
) -> Callable[[dict[str, Any], LambdaContext], dict[str, Any]]:
    """The function's entry point."""
    mangum = Mangum(app, lifespan="off", text_mime_types=["application/json", PROBLEM_JSON])

    def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        logger.append_keys(request_id=event.get("requestContext", {}).get("requestId"))
        try:
            answer: dict[str, Any] = mangum(event, context)
            if answer["statusCode"] >= 500:
                count_failure()
            return answer
        finally:
            flush_metrics()

    start.done()
    return handler


def _problem(
    status: int, slug: str, title: str, detail: str, members: Mapping[str, Any] | None = None
) -> JSONResponse:
    document = {
        **(members or {}),
        "type": f"/problems/{slug}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    return JSONResponse(document, status, media_type=PROBLEM_JSON)


async def _refused(_request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    logger.info("refused", extra={"slug": refusal.slug, "reason": refusal.members.get("reason")})
    answer = _problem(refusal.status, refusal.slug, refusal.title, refusal.detail, refusal.members)
    if "retry_after_s" in refusal.members:
        answer.headers["Retry-After"] = str(refusal.members["retry_after_s"])
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = error.errors()[:MAX_FIELDS_TOLD]
    return await _refused(request, Invalid([_field_error(e) for e in told]))


def _field_error(error: dict[str, Any]) -> FieldError:
    """Pydantic's location as a JSON pointer; its input is not repeated."""
    if error["type"] == "json_invalid":
        return FieldError("", "is not valid JSON")
    if len(error["loc"]) == 1 and error["type"] in ("model_attributes_type", "model_type"):
        return FieldError("", "should be a JSON object, sent as application/json")
    names = [str(step)[:MAX_NAME_TOLD] for step in error["loc"][1:]]
    steps = [name.replace("~", "~0").replace("/", "~1") for name in names]
    detail = error["msg"].removeprefix("Value error, ")
    return FieldError("".join(f"/{step}" for step in steps), detail[:1].lower() + detail[1:])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:  # FastAPI's answer to a body it could not parse at all
        return await _refused(request, Invalid.field("", "is not valid JSON"))
    return _problem(error.status_code, "http", str(error.detail), "There is no such call.")


async def _answered(_request: Request, repeat: Exception) -> Response:
    assert isinstance(repeat, AlreadyAnswered)
    return _document(repeat.answer)


def _document(answer: Any) -> Response:
    return JSONResponse(answer["body"], answer["status"])


async def _failed(_request: Request, error: Exception) -> Response:
    """A bug: to the log with its stack, and not to the caller."""
    logger.error("unhandled", exc_info=error)
    return _problem(500, "internal", "Internal error", "Something went wrong on our side.")


# Who calls


@dataclass(frozen=True, slots=True)
class Caller:
    """A user whose token the gateway has verified."""

    id: str
    groups: frozenset[str]

    @property
    def is_admin(self) -> bool:
        return "admin" in self.groups


def caller(request: Request) -> Caller:
    """From the claims as API Gateway hands them over: an array is the text ``[customer admin]``."""
    event = request.scope["aws.event"]
    claims = event["requestContext"]["authorizer"]["jwt"]["claims"]
    groups = str(claims.get("cognito:groups", "")).strip("[]").replace(",", " ").split()
    return Caller(id=claims["sub"], groups=frozenset(groups))


async def _any_caller(request: Request) -> Caller:
    return caller(request)


@dataclass(frozen=True, slots=True)
class _MemberOf:
    group: str

    async def __call__(self, request: Request) -> Caller:
        who = caller(request)
        if self.group not in who.groups:
            raise Forbidden(f"This call is for the group {self.group}.")
        return who


AnyCaller = Annotated[Caller, Depends(_any_caller)]
Customer = Annotated[Caller, Depends(_MemberOf("customer"))]
Mechanic = Annotated[Caller, Depends(_MemberOf("mechanic"))]
Admin = Annotated[Caller, Depends(_MemberOf("admin"))]


# Paging, ETags, repeats

Limit = Annotated[int, Query(ge=1, le=100)]
Cursor = Annotated[str | None, Query(max_length=1000)]


def conditional(request: Request, view: BaseModel) -> Response:
    """The view with its ETag, or 304 where the caller has it already."""
    document = view.model_dump(mode="json")
    digest = hashlib.sha256(json.dumps(_steady(document), sort_keys=True).encode()).hexdigest()
    etag = f'"{digest[:32]}"'
    seen = {
        tag.strip().removeprefix("W/")
        for tag in request.headers.get("if-none-match", "").split(",")
    }
    if etag in seen or "*" in seen:
        return Response(status_code=304, headers={"ETag": etag})
    return JSONResponse(document, headers={"ETag": etag, "Cache-Control": "private, no-cache"})


def _steady(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _steady(value) for name, value in part.items() if name not in VOLATILE}
    if isinstance(part, list):
        return [_steady(value) for value in part]
    return part


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=64,
        pattern=r"^[\x21-\x7e]+$",
        description="Repeats with the same key and body get the first committed answer, for 24 h.",
    ),
]


def once(status: int, show: Callable[[Any, Caller], BaseModel]) -> Any:
    """Dependency: the keyed request, or None without a key. A repeat is answered at once.

    ``show`` makes the answer of the use case's result for this caller.
    """

    async def read(request: Request, who: AnyCaller, key: IdempotencyKey = None) -> Once | None:
        if key is None:
            return None

        def answer(result: Any) -> Any:
            return {"status": status, "body": show(result, who).model_dump(mode="json")}

        keyed = Once.of(
            caller=who.id,
            route=f"{request.method} {request.url.path}",
            key=key,
            body=await request.body(),
            show=answer,
        )
        keyed.check(time.now())
        request.state.keyed = keyed
        return keyed

    return Depends(read)
