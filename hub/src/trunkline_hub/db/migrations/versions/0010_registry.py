"""All that is known of an agent, how it was, and what changed when."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_WORDS = ("title", "documentation_url", "icon_url", "origin_url", "imported_by")


def upgrade() -> None:
    with op.batch_alter_table("agents") as batch:
        for name in _WORDS:
            batch.add_column(sa.Column(name, sa.Text(), nullable=False, server_default=""))
        batch.add_column(sa.Column("origin", sa.String(length=15), nullable=False, server_default="sdk"))
        batch.add_column(sa.Column("labels", sa.JSON(), nullable=False, server_default="{}"))
        batch.add_column(sa.Column("interfaces", sa.JSON(), nullable=False, server_default="[]"))
        batch.add_column(sa.Column("limits", sa.JSON(), nullable=False, server_default="null"))
    op.create_table(
        "agent_revisions",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("floor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_agent_revisions")),
    )
    op.create_table(
        "agent_changes",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("change", sa.String(length=15), nullable=False),
        sa.Column("agent", sa.String(length=127), nullable=False),
        sa.Column("instance", sa.String(length=127), nullable=False),
        sa.Column("version", sa.String(length=63), nullable=False),
        sa.Column("state", sa.String(length=15), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "revision", name=op.f("pk_agent_changes")),
    )
    op.create_index(
        op.f("ix_agent_changes_workspace_id_agent_revision"), "agent_changes", ["workspace_id", "agent", "revision"]
    )
    op.create_table(
        "agent_states",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("agent", sa.String(length=127), nullable=False),
        sa.Column("instance", sa.String(length=127), nullable=False),
        sa.Column("state", sa.String(length=15), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "agent", "instance", name=op.f("pk_agent_states")),
    )


def downgrade() -> None:
    op.drop_table("agent_states")
    op.drop_table("agent_changes")
    op.drop_table("agent_revisions")
    with op.batch_alter_table("agents") as batch:
        for name in (*_WORDS, "origin", "labels", "interfaces", "limits"):
            batch.drop_column(name)
