"""A2A: push notifications, signing keys, imported agents."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "a2a_push_configs",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("id", sa.String(length=255), nullable=False),
        sa.Column("agent", sa.String(length=127), nullable=False),
        sa.Column("base_url", sa.String(length=2047), nullable=False),
        sa.Column("target", sa.JSON(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "task_id", "id", name=op.f("pk_a2a_push_configs")),
    )
    op.create_index(op.f("ix_a2a_push_configs_created_at"), "a2a_push_configs", ["created_at"])
    op.create_table(
        "a2a_push_deliveries",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("task_id", sa.String(length=36), nullable=False),
        sa.Column("config_id", sa.String(length=255), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "task_id", "config_id", "seq", name=op.f("pk_a2a_push_deliveries")),
    )
    op.create_index(op.f("ix_a2a_push_deliveries_due_at"), "a2a_push_deliveries", ["due_at"])
    op.create_table(
        "a2a_keys",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("private_key", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_a2a_keys")),
    )
    op.create_table(
        "a2a_agents",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("url", sa.String(length=2047), nullable=False),
        sa.Column("declaration", sa.JSON(), nullable=False),
        sa.Column("approved", sa.JSON(), nullable=False),
        sa.Column("found", sa.JSON(), nullable=True),
        sa.Column("signed_by", sa.String(length=255), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("refreshed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_a2a_agents")),
    )
    op.create_table(
        "a2a_remote_tasks",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("call_id", sa.String(length=255), nullable=False),
        sa.Column("agent", sa.String(length=127), nullable=False),
        sa.Column("remote_id", sa.String(length=255), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "call_id", name=op.f("pk_a2a_remote_tasks")),
    )
    op.create_index(op.f("ix_a2a_remote_tasks_created_at"), "a2a_remote_tasks", ["created_at"])


def downgrade() -> None:
    for table in ("a2a_remote_tasks", "a2a_agents", "a2a_keys", "a2a_push_deliveries", "a2a_push_configs"):
        op.drop_table(table)
