"""Jobs over lists, and what is fixed or answered of their blocks."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "jobs",
        sa.Column("job", sa.LargeBinary, primary_key=True),
        sa.Column("requester", sa.String(32), nullable=False),
        sa.Column("request_id", sa.LargeBinary, nullable=False),
        sa.Column("begin", sa.LargeBinary, nullable=False),
        sa.Column("admission", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.LargeBinary),
    )
    op.create_index("jobs_by_request", "jobs", ["requester", "request_id"], unique=True)
    op.create_table(
        "job_blocks",
        sa.Column("job", sa.LargeBinary, primary_key=True),
        sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("fixed", sa.LargeBinary, nullable=False),
        sa.Column("receipt", sa.LargeBinary),
    )
