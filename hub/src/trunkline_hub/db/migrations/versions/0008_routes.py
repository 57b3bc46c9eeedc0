"""Routes, and what came of them."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "routes",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("declaration", sa.JSON(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_routes")),
    )
    op.create_table(
        "route_counts",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("route", sa.String(length=127), nullable=False),
        sa.Column("outcome", sa.String(length=15), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("last_id", sa.String(length=512), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "route", "outcome", "type", name=op.f("pk_route_counts")),
    )


def downgrade() -> None:
    op.drop_table("route_counts")
    op.drop_table("routes")
