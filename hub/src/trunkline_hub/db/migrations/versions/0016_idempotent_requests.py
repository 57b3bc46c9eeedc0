"""Requests by their Idempotency-Key."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotent_requests",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=15), nullable=False),
        sa.Column("token", sa.String(length=36), nullable=False),
        sa.Column("hub_id", sa.String(length=63), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("claimed_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotent_requests")),
    )
    op.create_index(op.f("ix_idempotent_requests_claimed_at"), "idempotent_requests", ["claimed_at"])


def downgrade() -> None:
    op.drop_table("idempotent_requests")
