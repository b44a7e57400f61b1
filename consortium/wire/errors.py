"""CreditErrors to and from `google.rpc.Status` with `ErrorInfo`, the rich error model of gRPC."""

from google.protobuf.any_pb2 import Any
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from consortium.errors import CATALOGUE, Code, CreditError

DOMAIN = "credit.v1"


def error_to_status(error: CreditError) -> status_pb2.Status:
    """Give the status: the catalogue's code and public message, the stable code as reason, the cause for members."""
    entry = CATALOGUE[error.code]
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=DOMAIN, metadata={"cause": error.cause})
    detail = Any()
    detail.Pack(info)
    return status_pb2.Status(code=code_pb2.Code.Value(entry.status), message=entry.message, details=[detail])


def error_from_status(status: status_pb2.Status) -> CreditError | None:
    """Read the error back; None where the status carries none of ours."""
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        try:
            known = detail.Unpack(info) and info.domain == DOMAIN and info.reason in Code.__members__
        except DecodeError:
            continue
        if known:
            return CreditError(Code(info.reason), info.metadata.get("cause", ""))
    return None
