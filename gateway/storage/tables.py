"""The gateway's tables, the same on SQLite and PostgreSQL."""

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table

METADATA = MetaData()

entries = Table(
    "entries",
    METADATA,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("line", LargeBinary, nullable=False),
)
requests = Table(
    "requests",
    METADATA,
    Column("requester", String(32), primary_key=True),
    Column("request_id", LargeBinary, primary_key=True),
    Column("query_digest", LargeBinary, nullable=False),
    Column("response", LargeBinary),
)
consent_uses = Table(
    "consent_uses",
    METADATA,
    Column("consent", LargeBinary, primary_key=True),
    Column("query", LargeBinary, primary_key=True),
)
quotas = Table(
    "quotas",
    METADATA,
    Column("member", String(32), primary_key=True),
    Column("quota", String(32), primary_key=True),
    Column("period", BigInteger, primary_key=True, autoincrement=False),
    Column("used", BigInteger, nullable=False),
)
counters = Table(
    "counters",
    METADATA,
    Column("member", String(32), primary_key=True),
    Column("counter", BigInteger, nullable=False),
)
mask_keys = Table(
    "mask_keys",
    METADATA,
    Column("member", String(32), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("certified", LargeBinary, nullable=False),
)
evaluations = Table(
    "evaluations",
    METADATA,
    Column("member", String(32), primary_key=True),
    Column("generation", BigInteger, primary_key=True, autoincrement=False),
    Column("counter", BigInteger, nullable=False),
    Column("request_digest", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
)
tiles = Table(
    "tiles",
    METADATA,
    Column("row", BigInteger, primary_key=True, autoincrement=False),
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("nodes", LargeBinary, nullable=False),
)
checkpoints = Table(
    "checkpoints",
    METADATA,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("note", LargeBinary, nullable=False),
)
cosignatures = Table(
    "cosignatures",
    METADATA,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", String(128), primary_key=True),
    Column("line", LargeBinary, nullable=False),
)
board = Table(
    "board",
    METADATA,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("signed", LargeBinary, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("author", String(32), nullable=False),
)

bodies = Table(
    "bodies",
    METADATA,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("sealed", LargeBinary, nullable=False),
)
body_keys = Table(
    "body_keys",
    METADATA,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary),
    Column("query_digest", LargeBinary, nullable=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("erased_by", BigInteger),
)
filings = Table(
    "filings",
    METADATA,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("author", String(32), nullable=False),
    Column("reader", String(32), nullable=False),
    Column("about", BigInteger),
    Column("time_ms", BigInteger, nullable=False),
    Column("signed", LargeBinary, nullable=False),
)
pieces = Table(
    "pieces",
    METADATA,
    Column("order", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)
jobs = Table(
    "jobs",
    METADATA,
    Column("job", LargeBinary, primary_key=True),
    Column("requester", String(32), nullable=False),
    Column("request_id", LargeBinary, nullable=False),
    Column("begin", LargeBinary, nullable=False),
    Column("admission", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended", LargeBinary),
)
job_blocks = Table(
    "job_blocks",
    METADATA,
    Column("job", LargeBinary, primary_key=True),
    Column("block", BigInteger, primary_key=True, autoincrement=False),
    Column("fixed", LargeBinary, nullable=False),
    Column("receipt", LargeBinary),
)

Index("jobs_by_request", jobs.c.requester, jobs.c.request_id, unique=True)
Index("requests_by_query", requests.c.query_digest)
Index("filings_by_author", filings.c.author, filings.c.kind, filings.c.index)
Index("filings_about", filings.c.about, filings.c.kind)
Index("board_by_author", board.c.author, board.c.time_ms)
Index("quotas_by_period", quotas.c.period)
