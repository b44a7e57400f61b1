"""How much one author may put on the board in a UTC day, counted from the board itself."""

from consortium.errors import Code, CreditError
from consortium.model.keys import SECONDS_PER_DAY
from consortium.model.members import MemberId
from consortium.wire.membership import BoardDocument

DOCUMENTS_A_DAY = 3000
BYTES_A_DAY = 32 << 20


class Usage:
    """Documents and bytes by author, of the newest day seen."""

    def __init__(self, documents: int = DOCUMENTS_A_DAY, size: int = BYTES_A_DAY) -> None:
        self._documents = documents
        self._size = size
        self._day = 0
        self._used: dict[MemberId, tuple[int, int]] = {}

    def check(self, author: MemberId, size: int, now: int) -> None:
        """Raise CreditError(QUOTA_EXCEEDED) for an author that has posted its share of the day."""
        documents, total = self._used.get(author, (0, 0)) if now // SECONDS_PER_DAY == self._day else (0, 0)
        if documents >= self._documents or total + size > self._size:
            raise CreditError(Code.QUOTA_EXCEEDED, "this author's documents of the day")

    def take(self, document: BoardDocument) -> None:
        """Count a document."""
        day = document.time_ms // 1000 // SECONDS_PER_DAY
        if day != self._day:
            self._day, self._used = day, {}
        documents, size = self._used.get(document.author, (0, 0))
        self._used[document.author] = (documents + 1, size + len(document.signed))
