"""Schedules: cron schedules and how they fired."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("declaration", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(length=127), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("planned_at", UtcDateTime(), nullable=True),
        sa.Column("fires_at", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_schedules")),
    )
    op.create_index(op.f("ix_schedules_fires_at"), "schedules", ["fires_at"], unique=False)
    op.create_table(
        "schedule_firings",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("schedule", sa.String(length=127), nullable=False),
        sa.Column("planned_at", UtcDateTime(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("outcome", sa.String(length=15), nullable=False),
        sa.Column("message_id", sa.String(length=255), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "id", name=op.f("pk_schedule_firings")),
    )
    op.create_index(
        op.f("ix_schedule_firings_workspace_id_schedule_id"),
        "schedule_firings",
        ["workspace_id", "schedule", "id"],
        unique=False,
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_schedule_firings_workspace_id_schedule_id"), table_name="schedule_firings")
    op.drop_table("schedule_firings")
    op.drop_index(op.f("ix_schedules_fires_at"), table_name="schedules")
    op.drop_table("schedules")
