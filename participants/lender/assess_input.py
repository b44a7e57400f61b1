"""An application for credit as the lender's own applications write it: one JSON object."""

from pydantic import Field, StrictBool, StrictInt

from consortium.canonical import MAX_INTEGER
from participants.lender.assess import DEFAULT_HOLD_SECONDS
from participants.lender.assessment import HintWord
from participants.lender.question_input import AboutInput, parsed_question

MIN_HOLD_SECONDS, MAX_HOLD_SECONDS = 60, 30 * 86_400


class AssessInput(AboutInput):
    """
    Who applied, for what and how much (minor units), and how the answer is to be had.

    `incumbent` is what the lender decides without the consortium, for comparing; `shadow` assesses without acting.
    """

    amount: StrictInt | None = Field(default=None, ge=1, le=MAX_INTEGER)
    min_answered: StrictInt = Field(default=0, ge=0, le=1024)
    hold_seconds: StrictInt = Field(default=DEFAULT_HOLD_SECONDS, ge=MIN_HOLD_SECONDS, le=MAX_HOLD_SECONDS)
    shadow: StrictBool = False
    incumbent: HintWord | None = None


def parse_application(data: bytes) -> AssessInput:
    """Parse one JSON object; raises CreditError(RECORD_INVALID), naming the field."""
    return parsed_question(AssessInput, data)
