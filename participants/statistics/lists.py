"""The list of one of the own portfolios, as a total over it names the list."""

from consortium.errors import Code, CreditError
from consortium.model.rulebook import Rulebook
from consortium.sealing.rows import open_rows, tags_digest
from consortium.wire.queries import signed_query_from_bytes
from participants.bootstrap import open_secrets
from participants.settings import NodeSettings
from participants.storage.job_files import JobFiles


def tags_of_portfolio(settings: NodeSettings, rulebook: Rulebook, job: str) -> bytes:
    """
    Give the digest of the tags of a portfolio's list.

    Raises CreditError(JOB_UNKNOWN), or (RULEBOOK_MISMATCH) where it was asked under the sealing key of another epoch.
    """
    try:
        name = bytes.fromhex(job)
    except ValueError:
        raise CreditError(Code.SETTINGS_INVALID, "--list: the id of a portfolio, as `portfolio status` shows") from None
    files, secrets = JobFiles(settings.path(settings.file.portfolios)), open_secrets(settings, rulebook)
    query = signed_query_from_bytes(files.query(name))
    if query.header.epoch != secrets.epoch:
        raise CreditError(Code.RULEBOOK_MISMATCH, "the portfolio is of another epoch: run it again")
    return digest_of_rows(files, name, secrets.sealing_key)


def digest_of_rows(files: JobFiles, name: bytes, sealing_key: bytes) -> bytes:
    """Open the blocks of a list and digest their tags, one behind the other."""
    query = signed_query_from_bytes(files.query(name))
    rows, tags = query.header.rows, []
    for block in range(rows.blocks if rows else 0):
        count = len(rows.rows_of(block)) if rows else 0
        sealed = files.rows(name, block)
        tags.append(open_rows(sealed, count, sealing_key, query.header_digest, block)[0])
    return tags_digest(b"".join(tags))
