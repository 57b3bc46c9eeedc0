"""Limits of the event log, types that are kept longer, declared handlers."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_limits",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("max_age_s", sa.Float(), nullable=True),
        sa.Column("max_bytes", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_event_limits")),
    )
    op.create_table(
        "event_keeps",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("max_age_s", sa.Float(), nullable=False),
        sa.Column("max_bytes", sa.BigInteger(), nullable=False),
        sa.Column("declared_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_event_keeps")),
    )
    op.create_table(
        "event_witnesses",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("noted_at", UtcDateTime(), nullable=False),
        sa.Column("lasting", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "seq", name=op.f("pk_event_witnesses")),
    )
    op.create_index(
        op.f("ix_event_witnesses_workspace_id_noted_at"), "event_witnesses", ["workspace_id", "noted_at"], unique=False
    )
    op.create_table(
        "handlers",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("declaration", sa.JSON(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_by", sa.String(length=255), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_handlers")),
    )


def downgrade() -> None:
    op.drop_table("handlers")
    op.drop_table("event_witnesses")
    op.drop_table("event_keeps")
    op.drop_table("event_limits")
