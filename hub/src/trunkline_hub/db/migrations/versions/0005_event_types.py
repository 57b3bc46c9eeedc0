"""Event types: the catalogue, its versions and rules, who was seen publishing what, the quarantine."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_types",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=127), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("samples", sa.JSON(), nullable=False),
        sa.Column("compatibility", sa.String(length=31), nullable=False),
        sa.Column("reading", sa.String(length=15), nullable=False),
        sa.Column("policy", sa.String(length=15), nullable=False),
        sa.Column("last_number", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deprecated_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_event_types")),
    )
    op.create_table(
        "event_type_tags",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("tag", sa.String(length=63), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "tag", "type", name=op.f("pk_event_type_tags")),
    )
    op.create_table(
        "event_type_versions",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("schema", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("author", sa.String(length=127), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("deprecated_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "type", "number", name=op.f("pk_event_type_versions")),
    )
    op.create_table(
        "event_type_rules",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("unknown", sa.String(length=15), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_event_type_rules")),
    )
    op.create_table(
        "event_type_senders",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("principal", sa.String(length=127), nullable=False),
        sa.Column("first_seen_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "type", "principal", name=op.f("pk_event_type_senders")),
    )
    op.create_table(
        "event_type_days",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("principal", sa.String(length=127), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "type", "principal", "day", name=op.f("pk_event_type_days")),
    )
    op.create_table(
        "event_type_looks",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", name=op.f("pk_event_type_looks")),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("sender", sa.String(length=127), nullable=False),
        sa.Column("message_id", sa.String(length=512), nullable=False),
        sa.Column("policy", sa.String(length=15), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(
        op.f("ix_quarantine_workspace_id_type_seq"), "quarantine", ["workspace_id", "type", "seq"], unique=False
    )
    op.create_index(op.f("ix_quarantine_workspace_id_seq"), "quarantine", ["workspace_id", "seq"], unique=True)
    op.add_column("agents", sa.Column("publishes", sa.JSON(), nullable=False, server_default="[]"))
    with op.batch_alter_table("agents") as table:
        table.alter_column("publishes", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("agents") as table:
        table.drop_column("publishes")
    op.drop_index(op.f("ix_quarantine_workspace_id_seq"), table_name="quarantine")
    op.drop_index(op.f("ix_quarantine_workspace_id_type_seq"), table_name="quarantine")
    for table in (
        "quarantine", "event_type_looks", "event_type_days", "event_type_senders", "event_type_rules",
        "event_type_versions", "event_type_tags", "event_types",
    ):  # fmt: skip
        op.drop_table(table)
