"""What agents offer to clients of A2A; weights of instances, set by operators."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("a2a", sa.JSON(), server_default="null", nullable=False))
    op.create_table(
        "agent_weights",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("agent", sa.String(length=127), nullable=False),
        sa.Column("target", sa.String(length=127), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("set_by", sa.String(length=127), nullable=False),
        sa.Column("set_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "agent", "target", name=op.f("pk_agent_weights")),
    )


def downgrade() -> None:
    op.drop_table("agent_weights")
    op.drop_column("agents", "a2a")
