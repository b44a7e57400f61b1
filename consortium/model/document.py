"""What every signed document of the consortium is made of: the base class and the types of its fields."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from consortium.canonical import canonical_json
from consortium.model.members import check_member_id


def _from_hex(value: object) -> object:
    return bytes.fromhex(value) if isinstance(value, str) else value


Key32 = Annotated[bytes, BeforeValidator(_from_hex), PlainSerializer(bytes.hex), Field(min_length=32, max_length=32)]
Bytes = Annotated[bytes, BeforeValidator(_from_hex), PlainSerializer(bytes.hex)]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[ -~]+$")]
"""One line of printable ASCII, as canonical JSON and every terminal can show it."""
Id = Annotated[str, BeforeValidator(lambda value: check_member_id(str(value)))]


class Document(BaseModel):
    """What every signed document of the consortium is: frozen, without unknown fields, silent about bad input."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True)

    def to_bytes(self) -> bytes:
        """Serialise canonically, for signing."""
        return canonical_json(self.model_dump(mode="json"))


def first_problem(error: ValidationError) -> str:
    """Say which field a document was refused for, without its content."""
    problem: Any = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
