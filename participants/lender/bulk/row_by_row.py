"""
A `BulkBook` that asks a book for one person after the other: slow, and what the fast one is compared with.

It evaluates every file with the function that point queries and inspections use.
"""

import hmac
from dataclasses import dataclass

import numpy as np

from consortium.model.credit_file import CreditFile
from consortium.model.identifiers import SubjectKey, SubjectTag
from consortium.model.query import QueryHeader
from consortium.model.rulebook import Rulebook
from consortium.rules.contributions import contribution_values, query_layout
from consortium.sealing.payload import subject_proof
from consortium.silent import Silent
from consortium.sums.exchange import BookState
from consortium.sums.packing import Layout
from consortium.sums.words import Words, words_of
from participants.lender.answer_ports import BookReader
from participants.lender.bulk.ports import BlockAnswer, TaggedRows
from participants.lender.ports import HeldFile

_NO_KEY = SubjectKey(bytes(64))


@dataclass(frozen=True, repr=False)
class RowByRow(Silent):
    """The portfolios' view of a book, row by row; see `BulkBook`."""

    book: BookReader

    def contributions(self, rows: TaggedRows, header: QueryHeader, rulebook: Rulebook) -> BlockAnswer:
        """Give what this lender adds for every row."""
        view = self.book.read([SubjectTag(tag.tobytes()) for tag in rows.tags], live=False)
        layout = query_layout(header, rulebook)
        words = np.zeros((len(rows), layout.words), dtype=np.uint64)
        unproven = 0
        for index, held in enumerate(view.files):
            proven = _proven(rows, index, held)
            words[index] = _words(held.file if held and proven else None, header, rulebook, layout)
            unproven += held is not None and not proven
        return BlockAnswer(words, BookState(view.root, view.journal_size, view.journal_head), unproven)


def _proven(rows: TaggedRows, index: int, held: HeldFile | None) -> bool:
    proof = subject_proof(held.key if held else _NO_KEY, rows.header_digest)
    linked = rows.earlier is None or bool(
        held and held.earlier and hmac.compare_digest(held.earlier.value, rows.earlier[index].tobytes())
    )
    return hmac.compare_digest(proof, rows.proofs[index].tobytes()) and linked


def _words(file: CreditFile | None, header: QueryHeader, rulebook: Rulebook, layout: Layout) -> Words:
    return words_of(layout.pack(contribution_values([file], header, rulebook)), layout.words)
