"""What an MCP upstream offers now, where that waits for approval."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("mcp_upstreams", sa.Column("found", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column("mcp_upstreams", "found")
