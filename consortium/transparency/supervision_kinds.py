"""
The kinds of entries that hold a signed document: statements, inspections, cases, uses of the audit key.

`document` is the document itself: its canonical JSON are the bytes that `signature` is over, under a label of its kind.
"""

from collections.abc import Mapping

from consortium.canonical import CanonicalValue
from consortium.transparency.schemas import Schema, count, digest, fields, listed, member, text

MAXIMUM_BOOKS = 256
MAXIMUM_DAYS = 400
QUALITY_SHARES = {
    "identified": "people who are reached by a national ID",
    "current": "open accounts reported within 45 days of the book's day",
    "history": "accounts with the days past due of every month since they were opened, twelve at most",
    "dated": "accounts past due with the day of the first missed payment",
    "described": "accounts that say what the credit is for and where it was applied for",
}
"""What a lender says of its data, each a share in thousandths."""

_CONSORTIUM = member("the consortium's id")
_TEXT = text("^[ -~]{0,200}$", "in words, naming nobody")
_LINE = text("^[ -~]{1,200}$", "in words, naming nobody")


def _or_null(schema: Schema) -> Schema:
    described: CanonicalValue = schema["description"]
    return {"anyOf": [{"type": "null"}, schema], "description": f"{described}; or null"}


def _choice(description: str, *values: str) -> Schema:
    return {"enum": [*values], "description": description}


def _decimal(description: str) -> Schema:
    return text("^[0-9]{1,30}([.][0-9]{1,6})?$", f"{description}, as a decimal text")


def _second(description: str) -> Schema:
    return count(f"{description}, Unix seconds")


def _filed(title: str, document: Mapping[str, Schema]) -> tuple[str, dict[str, Schema]]:
    return title, {
        "document": fields(
            {"consortium": _CONSORTIUM, **document}, "what was signed; its canonical JSON are the bytes"
        ),
        "signature": text("^[0-9a-f]{128}$", "Ed25519 by its author's identity key, in hexadecimal"),
        "rulebook": digest("digest of the rulebook in force, which has the author's key"),
    }


SUPERVISION: dict[str, tuple[str, dict[str, Schema]]] = {
    "member-statement": _filed(
        "A lender stated its books, its journal and how many messages it has signed; a chain without gaps.",
        {
            "member": member("who states"),
            "number": count("number of the statement, without gaps", 1),
            "previous": digest("digest of the statement before; zeros for the first"),
            "stated_at": _second("when it was made"),
            "books": listed(
                fields(
                    {
                        "day": count("its UTC day, days since 1970-01-01"),
                        "root": digest("root of the tree over its files"),
                        "salt_digest": digest("commitment to the salt of its positions"),
                        "start": digest("where its journal begins, which binds all of this"),
                        "previous": digest("head at which the journal before ended; zeros for the first"),
                    },
                    "a book",
                ),
                "books that came into force since the statement before, the last one is in force",
                MAXIMUM_BOOKS,
            ),
            "journal": digest("head of the journal of the book in force"),
            "days": listed(
                fields(
                    {
                        "day": count("the UTC day, days since 1970-01-01"),
                        "last": count("number of the last message signed by its end"),
                    },
                    "a day that is over",
                ),
                "days that are over and were not stated before",
                MAXIMUM_DAYS,
            ),
            "messages": count("number of the last signed message"),
            "report": text("^[0-9a-f]{2212}$", "sealed for the regulator, always of one length"),
        },
    ),
    "inspection-ordered": _filed(
        "A regulator demanded that a member shows what its contribution contained.",
        {
            "regulator": member("who demands"),
            "member": member("who is to show"),
            "entry": count("index of the answer's entry"),
            "ctx": digest("the exchange"),
            "dispute": _or_null(count("entry of a dispute about that answer")),
            "reason": _LINE,
            "issued_at": _second("when it was signed"),
            "due_at": _second("until when the member has to answer"),
        },
    ),
    "inspection-answered": (
        "A member has sent what an inspection demanded, sealed for the regulator.",
        {
            "order": count("index of the order's entry"),
            "member": member("who answered"),
            "digest": digest("SHA-256 of the sealed bytes"),
            "bytes": count("how many there are", 1),
        },
    ),
    "inspection-verdict": _filed(
        "What an inspection came to.",
        {
            "regulator": member("whose verdict it is"),
            "order": count("index of the order's entry"),
            "member": member("who was inspected"),
            "finding": _choice("the verdict", "confirmed", "refuted", "undecided", "overdue"),
            "cause": _TEXT,
            "shown": _or_null(digest("SHA-256 of the sealed bytes that were examined")),
            "issued_at": _second("when it was signed"),
        },
    ),
    "case-opened": _filed(
        "A member disputed something, or a regulator brought a complaint.",
        {
            "member": member("who opened the case"),
            "kind": _choice("between members, or somebody's", "dispute", "complaint"),
            "cause": _choice(
                "what it is about",
                "sum-unreadable",
                "number-wrong",
                "contribution-dropped",
                "not-asked-for",
                "consent",
                "access-refused",
                "other",
            ),
            "about": _or_null(member("the member whom it is about")),
            "entry": _or_null(count("index of the entry that it is about")),
            "text": _LINE,
            "opened_at": _second("when it was signed"),
        },
    ),
    "case-closed": _filed(
        "A case is over.",
        {
            "member": member("who closed it"),
            "case": count("index of the case's entry"),
            "outcome": _choice("how it ended", "upheld", "rejected", "settled", "withdrawn"),
            "text": _LINE,
            "closed_at": _second("when it was signed"),
        },
    ),
    "statistic-released": _filed(
        "A statistic was published: what its numbers are worth, and the digest of its table.",
        {
            "member": member("who asked, and publishes"),
            "answer": count("index of the answer's entry"),
            "template": text("^[a-z][a-z0-9-]*[a-z0-9]$", "id of the template"),
            "template_digest": digest("digest of the template as the rulebook has it"),
            "title": _LINE,
            "measure": text("^[a-z-]{1,32}$", "what is added up"),
            "unit": text("^[a-z]{1,32}$", "the unit of privacy"),
            "rulebook": digest("digest of the rulebook that it was asked under"),
            "as_of": _second("the moment of the data"),
            "contributors": listed(member("whose contribution is in the sums"), "sorted", 1024),
            "rho": count("what it cost, in millionths of rho", 1),
            "epsilon": _decimal("epsilon of rho at `delta`"),
            "delta": text("^1e-[0-9]{1,2}$", "delta"),
            "sigma": _decimal("the noise that holds against c contributors and the requester together"),
            "standard_error": _decimal("the noise of each cell"),
            "count": count("how many cells", 1),
            "cells": digest("digest of the table"),
            "transcript": digest("digest of the transcript, as the answer's entry has it"),
            "released_at": _second("the answer's time"),
        },
    ),
    "audit-key-used": _filed(
        "A regulator was about to open what is sealed for it.",
        {
            "regulator": member("who opened"),
            "purpose": _choice("for what", "access-report", "inspection", "sum-reports"),
            "reference": _LINE,
            "used_at": _second("when it was signed"),
        },
    ),
    "quality-stated": _filed(
        "A lender stated how good the data of its book are, in thousandths; null where there is nothing to judge.",
        {
            "member": member("who states"),
            "day": count("the book's UTC day, days since 1970-01-01"),
            "root": digest("root of the tree over the book's files"),
            **{name: _or_null(count(meaning)) for name, meaning in QUALITY_SHARES.items()},
            "stated_at": _second("when it was signed"),
        },
    ),
}
"""Title and fields of each kind."""
