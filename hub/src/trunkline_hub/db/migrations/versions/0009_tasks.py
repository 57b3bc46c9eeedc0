"""Tasks: long work, folded from its course."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tasks",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("context_id", sa.String(length=255), nullable=False),
        sa.Column("agent", sa.String(length=127), nullable=False),
        sa.Column("skill", sa.String(length=127), nullable=False),
        sa.Column("caller", sa.String(length=127), nullable=False),
        sa.Column("state", sa.String(length=15), nullable=False),
        sa.Column("state_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "id", name=op.f("pk_tasks")),
    )
    op.create_index(op.f("ix_tasks_workspace_id_state_at_id"), "tasks", ["workspace_id", "state_at", "id"])
    op.create_index(op.f("ix_tasks_workspace_id_caller_state_at"), "tasks", ["workspace_id", "caller", "state_at"])
    op.create_index(op.f("ix_tasks_workspace_id_context_id"), "tasks", ["workspace_id", "context_id"])
    op.create_index(op.f("ix_tasks_state_state_at"), "tasks", ["state", "state_at"])
    op.create_table(
        "task_courses",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("born", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_task_courses")),
    )


def downgrade() -> None:
    op.drop_table("task_courses")
    op.drop_table("tasks")
