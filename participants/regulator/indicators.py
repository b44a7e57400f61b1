"""What the log of a period says of each lender: what it asked, how often it answered, and how good its data are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from consortium.canonical import CanonicalValue
from consortium.supervision.documents import FilingKind, QualityStatement
from participants.quality import shares_of, shares_value


@dataclass
class MemberIndicators:
    """
    One lender's figures.

    `asked` queries were admitted, `complete` of them had everybody's answer, `refused` none; `due` is how many answers
    of the period it was on the roster of, `given` in how many of them it is.
    """

    asked: int = 0
    complete: int = 0
    refused: int = 0
    due: int = 0
    given: int = 0
    quality: QualityStatement | None = None

    @property
    def availability(self) -> float | None:
        """Give the part of the answers that it is in; None where there were none."""
        return self.given / self.due if self.due else None

    def to_json(self) -> dict[str, CanonicalValue]:
        """Give it for a JSON object; availability in thousandths."""
        quality = self.quality
        return {
            "asked": self.asked,
            "complete": self.complete,
            "refused": self.refused,
            "answers_due": self.due,
            "answers_given": self.given,
            "availability": None if self.availability is None else int(1000 * self.availability),
            "quality": None if quality is None else {"day": quality.day, **shares_value(shares_of(quality))},
        }


@dataclass
class LogIndicators:
    """Takes the entries of a verified export in their order."""

    members: dict[str, MemberIndicators] = field(default_factory=dict)
    _asked: dict[int, tuple[str, list[str]]] = field(default_factory=dict)
    """Requester and roster of admissions that are not ended yet."""

    def take_all(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Look at entries."""
        for entry in entries:
            self._take(entry)

    def _take(self, entry: Mapping[str, Any]) -> None:
        match entry["kind"]:
            case "query-admitted":
                self._asked[entry["index"]] = entry["requester"], entry["roster"]
                self._of(entry["requester"]).asked += 1
            case "query-answered":
                self._answered(entry)
            case "query-refused":
                requester, _ = self._asked.pop(entry.get("admission", -1), ("", []))
                if requester:
                    self._of(requester).refused += 1
            case FilingKind.QUALITY:
                statement = QualityStatement.model_validate(entry["document"])
                self._of(statement.member).quality = statement

    def _answered(self, entry: Mapping[str, Any]) -> None:
        """Count an answer; one whose admission lies before the export says of the requester nothing."""
        requester, roster = self._asked.pop(entry["admission"], ("", entry["answering"]))
        if requester:
            self._of(requester).complete += entry["decision"] == "ANSWERED"
        for member in roster:
            self._of(member).due += 1
            self._of(member).given += member in entry["answering"]

    def _of(self, member: str) -> MemberIndicators:
        return self.members.setdefault(member, MemberIndicators())
