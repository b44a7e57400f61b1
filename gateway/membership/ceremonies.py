"""The key ceremonies on the board: which are open, and which messages still say something new."""

from collections import Counter

from consortium.ceremony.messages import Round, read_message
from consortium.ceremony.plan import Plan
from consortium.ceremony.transcript import Phase, Transcript
from consortium.errors import Code, CreditError
from consortium.membership.signed import body_of
from consortium.model.members import MemberId

OPEN = 8
COPIES = 2
"""Two different messages of one party and round prove its fault; a third proves nothing more."""


_FIRST_FIELD = b'{"ceremony":"'


class Ceremonies:
    """The plans taken and their transcripts."""

    def __init__(self) -> None:
        self._transcripts: dict[bytes, Transcript] = {}
        self._copies: Counter[tuple[bytes, Round, MemberId]] = Counter()

    @property
    def transcripts(self) -> tuple[Transcript, ...]:
        """Every ceremony, in the order of its plans on the board."""
        return tuple(self._transcripts.values())

    def check_plan(self, plan: Plan) -> None:
        """Refuse a plan that is here (CEREMONY_OTHER), or one too many (QUOTA_EXCEEDED)."""
        if plan.id in self._transcripts:
            raise CreditError(Code.CEREMONY_OTHER, "this plan is on the board")
        over = (Phase.DONE, Phase.ABORTED, Phase.DIVERGED)
        if sum(one.phase not in over for one in self._transcripts.values()) >= OPEN:
            raise CreditError(Code.QUOTA_EXCEEDED, "too many ceremonies are open")

    def take_plan(self, plan: Plan) -> None:
        """Open a ceremony."""
        self._transcripts.setdefault(plan.id, Transcript(plan))

    def check_message(self, signed: bytes) -> MemberId:
        """Give a message's sender; raises as `read_message`, CEREMONY_OTHER for one without plan or news."""
        transcript = self._of(signed)
        message = read_message(signed, transcript.plan)
        if self._copies[transcript.plan.id, message.round, message.sender] >= COPIES:
            raise CreditError(Code.CEREMONY_OTHER, "the fault is proven already")
        if any(body_of(known) == body_of(signed) for known in transcript.sent_by(message.sender)):
            raise CreditError(Code.CEREMONY_OTHER, "this message is on the board under another signature")
        return message.sender

    def take_message(self, signed: bytes) -> None:
        """Take a message into its transcript; raises as `Transcript.take`."""
        transcript = self._of(signed)
        message = read_message(signed, transcript.plan)
        self._copies[transcript.plan.id, message.round, message.sender] += 1
        transcript.take(signed)

    def _of(self, signed: bytes) -> Transcript:
        """Find a message's ceremony by the first field of its canonical form; `read_message` holds it to that."""
        head = body_of(signed)[len(_FIRST_FIELD) :][:64]
        for identity, transcript in self._transcripts.items():
            if identity.hex().encode() == head:
                return transcript
        raise CreditError(Code.CEREMONY_OTHER, "a message of no ceremony on the board")
