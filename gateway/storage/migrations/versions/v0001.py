"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "entries",
        sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("line", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("requester", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.LargeBinary, primary_key=True),
        sa.Column("query_digest", sa.LargeBinary, nullable=False),
        sa.Column("response", sa.LargeBinary),
    )
    op.create_table(
        "consent_uses",
        sa.Column("consent", sa.LargeBinary, primary_key=True),
        sa.Column("query", sa.LargeBinary, primary_key=True),
    )
    op.create_table(
        "quotas",
        sa.Column("member", sa.String(32), primary_key=True),
        sa.Column("quota", sa.String(32), primary_key=True),
        sa.Column("period", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("used", sa.BigInteger, nullable=False),
    )
    op.create_index("quotas_by_period", "quotas", ["period"])
    op.create_table(
        "counters",
        sa.Column("member", sa.String(32), primary_key=True),
        sa.Column("counter", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "mask_keys",
        sa.Column("member", sa.String(32), primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("certified", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "evaluations",
        sa.Column("member", sa.String(32), primary_key=True),
        sa.Column("generation", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.Column("request_digest", sa.LargeBinary, nullable=False),
        sa.Column("answer", sa.LargeBinary, nullable=False),
    )
