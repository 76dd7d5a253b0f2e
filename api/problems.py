"""The kinds of problem the service answers, each with a page of its own under /problems/."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from models.problem_details import ProblemDetails, Violation

MEDIA_TYPE = "application/problem+json"
MAX_VIOLATIONS = 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """One problem type: its slug in the URL, its HTTP status, what happened and what a caller can do about it."""

    slug: str
    status: int
    title: str
    meaning: str
    remedy: str


class ProblemType(Enum):
    """Every problem type that this service answers."""

    MALFORMED_JSON = Explanation(
        "malformed-json",
        400,
        "The body is not JSON",
        "The body is empty, is not UTF-8, breaks the grammar of JSON, holds an integer of thousands of digits, or is "
        "nested deeper than 200 levels. Nothing in it was read.",
        "Send one JSON object, in UTF-8. The violation says at which line and column reading stopped.",
    )
    KEY_NEEDED = Explanation(
        "key-needed",
        401,
        "An API key is needed",
        "The request shows no API key, or one that is unknown, revoked or expired.",
        "Send `Authorization: Bearer KEY` or `X-API-Key: KEY`; the operator makes keys with `placement keys create`.",
    )
    FOREIGN_PAGE = Explanation(
        "foreign-page",
        403,
        "Pages of other sites may not use the service",
        "A browser sent the request for a page of another site. Without API keys the service answers programs on this "
        "machine and its own pages only.",
        "Call the service from a program, or create an API key: requests that show a key are answered wherever they "
        "come from.",
    )
    NOT_FOUND = Explanation(
        "not-found",
        404,
        "There is nothing here",
        "The path names no endpoint, or no entry of the list it belongs to.",
        "See /docs for the endpoints; /examples and /catalogue list the names of their entries.",
    )
    PLAN_NOT_FOUND = Explanation(
        "plan-not-found",
        404,
        "There is no such plan",
        "No plan has this id, or it is not one of yours.",
        "GET /plans lists your plans. Ids are in the `id` of every answer and in the Location header of a 202.",
    )
    PLAN_GONE = Explanation(
        "plan-gone",
        410,
        "The plan is no longer kept",
        "There was a plan of this id, but ended plans are kept for a limited time and in a limited number; GET /limits "
        "says which.",
        "Post the request again; it is solved anew.",
    )
    METHOD_NOT_ALLOWED = Explanation(
        "method-not-allowed",
        405,
        "The method does not fit the endpoint",
        "The endpoint exists, but not for this HTTP method.",
        "Use one of the methods in the Allow header.",
    )
    BODY_TOO_SLOW = Explanation(
        "body-too-slow",
        408,
        "The body did not arrive in time",
        "The request began, but the rest of its body did not come within the time the service waits for it.",
        "Send the request again; over a very slow connection ask the operator to raise PLACEMENT_BODY_TIMEOUT_S.",
    )
    BODY_TOO_LARGE = Explanation(
        "body-too-large",
        413,
        "The body is too large",
        "The body is longer than the service accepts, or holds more values than any request that is allowed.",
        "Give links as dense matrices (cluster.link_matrix), which are a quarter of the size of a list, or ask the "
        "operator to raise PLACEMENT_MAX_BODY_BYTES.",
    )
    UNSUPPORTED_MEDIA_TYPE = Explanation(
        "unsupported-media-type",
        415,
        "The body is of another kind",
        "The Content-Type names something that is not JSON, or the body is compressed.",
        "Send uncompressed JSON with Content-Type: application/json.",
    )
    INVALID_INPUT = Explanation(
        "invalid-input",
        422,
        "The request breaks rules",
        "The body is JSON, but fields are missing, unknown, of the wrong unit or out of range, or parts of the request "
        "contradict each other. A request that is sound but cannot be met is not a problem: it is answered 200 with "
        'status "infeasible" and the reasons.',
        "Each violation has a JSON pointer to the place, the name of the rule, and where one value says it the limit. "
        "Rules that tie several parts together are checked once the parts themselves are sound.",
    )
    MISDIRECTED = Explanation(
        "misdirected",
        421,
        "The service is not asked under this name",
        "The Host header holds a name that the service does not know as its own. Without API keys it answers on "
        "loopback to localhost and to addresses only, so that no foreign page reaches it by a name that points here.",
        "Use http://localhost or the address itself, or have the operator add the name to PLACEMENT_ALLOWED_HOSTS.",
    )
    TOO_MANY_REQUESTS = Explanation(
        "too-many-requests",
        429,
        "The key is used too often",
        "This API key has used up its requests for now. Other keys are not affected.",
        "Wait for the seconds in Retry-After. The RateLimit headers of every answer say how many requests are left.",
    )
    INVALID_PARAMETER = Explanation(
        "invalid-parameter",
        422,
        "A parameter cannot be used",
        "A query parameter or a header of the request is unknown to the endpoint, out of range or malformed.",
        "Each violation names the parameter and what would be accepted.",
    )
    NOT_EXPORTABLE = Explanation(
        "not-exportable",
        422,
        "The format cannot say this plan",
        "The runtime that reads the format would do something else than the plan: it has no words for a second stage "
        "on the source, for a stage without blocks, for training, or for this model.",
        "Each violation says what in the plan or its request it is, and why. Export to another format, or plan with a "
        "constraint that rules it out: pinned layers, forbidden_nodes, tail_layers.",
    )
    NOTHING_TO_EXPORT = Explanation(
        "nothing-to-export",
        409,
        "There are no stages to export",
        "The plan has not ended yet, ended without stages, or is a frontier or a comparison.",
        "Wait for the plan's end with GET /plans/{id}; its status says whether it has stages. The stages of a point of "
        "a frontier can be posted to /plan:export.",
    )
    KEY_REUSED = Explanation(
        "idempotency-key-reused",
        422,
        "The Idempotency-Key belongs to another request",
        "A plan was asked for with this Idempotency-Key before, by another body. Nothing was solved.",
        "Use a new key for a new request; a repeated key must come with the same request.",
    )
    INTERNAL_ERROR = Explanation(
        "internal-error",
        500,
        "The service failed",
        "A fault of the service, not of the request.",
        "Report it with the X-Request-Id of the answer: the log has the cause under that id.",
    )
    BUSY = Explanation(
        "busy",
        503,
        "The queue is full",
        "All solvers are at work and as many plans are waiting as the service lets wait.",
        "Send the request again after the seconds in the Retry-After header.",
    )
    DRAINING = Explanation(
        "draining",
        503,
        "The service is being stopped",
        "The service takes no new work: it ends what it has in hand. Plans that were accepted go on after its restart.",
        "Send the request again after the seconds in the Retry-After header, to another instance or to the next one.",
    )
    STORE_UNAVAILABLE = Explanation(
        "store-unavailable",
        503,
        "The store of plans cannot be used just now",
        "The database cannot be reached, is full or may not be written. Nothing is accepted that could be lost.",
        "Send the request again after the seconds in the Retry-After header. `placement doctor` shows what is wrong.",
    )
    NOT_READY = Explanation(
        "not-ready",
        503,
        "A solver does not work",
        "At start the service solves a tiny problem with each solver; at least one gave no or a wrong answer.",
        "`placement doctor` shows which solver fails and why; usually a package is missing or of the wrong version.",
    )

    @property
    def path(self) -> str:
        """Where the type is explained; the `type` of its problem details."""
        return f"/problems/{self.value.slug}"


class Refusal(Exception):
    """Ends the handling of a request with problem details that another process wrote."""

    def __init__(self, details: ProblemDetails) -> None:
        super().__init__(details.detail)
        self.details = details


class Problem(Exception):
    """Ends the handling of a request with problem details."""

    def __init__(
        self,
        kind: ProblemType,
        detail: str,
        violations: list[Violation] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.violations = violations or []
        self.headers = headers or {}

    def details(self, root_path: str = "") -> ProblemDetails:
        """The body of the answer; at most `MAX_VIOLATIONS` violations are listed, the rest are counted."""
        return ProblemDetails(
            type=root_path + self.kind.path,
            title=self.kind.value.title,
            status=self.kind.value.status,
            detail=self.detail,
            violations=tuple(self.violations[:MAX_VIOLATIONS]),
            violations_omitted=max(0, len(self.violations) - MAX_VIOLATIONS),
        )
