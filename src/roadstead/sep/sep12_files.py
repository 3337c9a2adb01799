"""SEP-12's files: documents that are uploaded apart from a registration, and told of; never given out again."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from roadstead.clock import utc_text
from roadstead.customers.files import Files
from roadstead.customers.files_store import StoredFile
from roadstead.customers.submissions import write_file_id
from roadstead.errors import BadInput
from roadstead.sep.routes import Answer, Audience, Body, Call, Encoding, Form, Parameter, Route
from roadstead.sep.services import Services


class FileBody(Struct):
    """The form of POST /customer/files."""

    file: bytes
    """A PNG, JPEG, HEIC or PDF file."""


class FileAnswer(Struct, omit_defaults=True):
    """What SEP-12 says of a file."""

    file_id: str
    content_type: str
    size: int
    expires_at: str | UnsetType = UNSET
    customer_id: str | UnsetType = UNSET


class FilesAnswer(Struct):
    """The answer of GET /customer/files."""

    files: list[FileAnswer]


async def post_file(call: Call) -> Answer:
    """Store a document, to which `<field>_file_id` of a later PUT /customer refers; each call stores another one."""
    form: Form = call.payload
    sent = form.files.get("file")
    if sent is None:
        raise BadInput(
            "There is no file: send it in the part 'file' of multipart/form-data, with a file name."
        )
    return Answer(content=_file(await _files(call.services).upload(call.principal, sent)))


async def get_files(call: Call) -> Answer:
    """Tell of a file, or of all files of a customer; what is not the caller's is not there."""
    found = await _files(call.services).look_up(
        call.principal, file_id=call.query.get("file_id"), customer_id=call.query.get("customer_id")
    )
    return Answer(content=FilesAnswer(files=[_file(file) for file in found]))


def _files(services: Services) -> Files:
    return Files(
        database=services.database,
        keys=services.keys,
        limits=services.configuration.anchor.limits,
        clock=services.clock,
        randomness=services.randomness,
    )


def _file(file: StoredFile) -> FileAnswer:
    return FileAnswer(
        file_id=write_file_id(file.id),
        content_type=file.media_type,
        size=file.size_bytes,
        expires_at=UNSET if file.expires_at is None else utc_text(file.expires_at),
        customer_id=UNSET if file.customer_id is None else str(file.customer_id),
    )


ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/kyc/customer/files",
        audience=Audience.AUTHENTICATED,
        handler=post_file,
        source="SEP-12 POST /customer/files",
        summary="Upload a document",
        answer=FileAnswer,
        body=Body(struct=FileBody, encodings=(Encoding.MULTIPART,), fields_open=True, takes_files=True),
        refusals=(400, 413),
        unauthenticated_status=401,
        tags=("SEP-12",),
    ),
    Route(
        method="GET",
        path="/kyc/customer/files",
        audience=Audience.AUTHENTICATED,
        handler=get_files,
        source="SEP-12 GET /customer/files",
        summary="Tell of the documents that were uploaded",
        answer=FilesAnswer,
        parameters=(
            Parameter(name="file_id", description="The id that POST /customer/files gave."),
            Parameter(name="customer_id", description="The id that PUT /customer gave."),
        ),
        unauthenticated_status=401,
        tags=("SEP-12",),
    ),
)
