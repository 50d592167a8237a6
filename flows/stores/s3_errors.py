"""What S3 and the way to it answer, told as our own errors. Two servers seldom use the same words for one thing."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
)
from urllib3.exceptions import HTTPError

from flows.stores.errors import (
    StoreChanged,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreNotFound,
    StoreTooLarge,
    StoreUnreachable,
)

_RIGHTS = "Check the credentials, and that they allow s3:ListBucket, GetObject, GetObjectTagging and PutObject here."
_CODES: dict[str, tuple[type[StoreError], str]] = {
    "NoSuchBucket": (StoreNotFound, "Create the bucket, or correct its name."),
    "NoSuchKey": (StoreNotFound, "Plan again; the object may have been deleted."),
    "NoSuchVersion": (StoreNotFound, "Plan again; this version has been deleted."),
    "PreconditionFailed": (StoreChanged, "Plan again; the object has changed since it was listed."),
    "InvalidObjectState": (StoreDenied, "The object is archived; restore it first."),
    "EntityTooLarge": (StoreTooLarge, "Publish smaller files."),
    "QuotaExceeded": (StoreFull, "Raise the quota of the bucket."),
    "InsufficientStorage": (StoreFull, "Free some space on the server."),
    "XMinioStorageFull": (StoreFull, "Free some space on the server."),
    "PermanentRedirect": (StoreNotFound, "Set the region of the bucket."),
    "AuthorizationHeaderMalformed": (StoreDenied, "Set the region of the bucket."),
    "RequestTimeTooSkewed": (StoreDenied, "Set the clock of this machine."),
    "SlowDown": (StoreUnreachable, "The server asks for fewer requests; run again later."),
}
_STATUSES: dict[int, tuple[type[StoreError], str]] = {
    301: (StoreNotFound, "Set the region of the bucket."),
    401: (StoreDenied, _RIGHTS),
    403: (StoreDenied, _RIGHTS),
    404: (StoreNotFound, "Check the bucket and the key."),
    412: (StoreChanged, "Plan again; the object has changed since it was listed."),
    507: (StoreFull, "Free some space on the server."),
}
BROKEN_OFF = (ConnectionError, HTTPClientError, IncompleteReadError, HTTPError, OSError)
"""A body that stopped coming: botocore lets several layers' exceptions through."""


@contextmanager
def s3_errors_told(what: str) -> Iterator[None]:
    try:
        yield
    except ClientError as problem:
        raise _answered(problem, what) from problem
    except (NoCredentialsError, PartialCredentialsError, ProfileNotFound) as problem:
        next_step = "Set the AWS variables, a profile or a role."
        raise StoreDenied(f"{what}: {problem}", "credentials", next_step) from problem
    except NoRegionError as problem:
        next_step = "Set the store's region, such as eu-west-1."
        raise StoreError(f"{what}: no region is set", "", next_step) from problem
    except BROKEN_OFF as problem:
        raise StoreUnreachable(f"{what}: {problem}", "", "Check the address, the network and the server.") from problem
    except BotoCoreError as problem:
        raise StoreError(f"{what}: {problem}", "", "Check the settings of the store.") from problem


def code_of(problem: ClientError) -> str:
    return str(problem.response.get("Error", {}).get("Code", ""))


def status_of(problem: ClientError) -> int:
    return int(problem.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _answered(problem: ClientError, what: str) -> StoreError:
    code, status = code_of(problem), status_of(problem)
    message = problem.response.get("Error", {}).get("Message")
    server_trouble = (StoreUnreachable if status >= 500 else StoreError, "See what the server's own log says.")
    failure, next_step = _CODES.get(code) or _STATUSES.get(status) or server_trouble
    told = dict.fromkeys((str(status), code, message))  # of an answer to HEAD, the status is the code too
    answer = " ".join(word for word in told if word)  # some servers leave the message empty
    return failure(f"{what}: the server answered {answer}", "", next_step)
