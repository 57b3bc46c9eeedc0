"""What a queue can be: its options, and the de-duplication keys it remembers."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queues", sa.Column("options", sa.JSON(), server_default=sa.text("'{}'"), nullable=False))
    op.create_table(
        "queue_dedupe_keys",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("queue", sa.String(length=127), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("send_id", sa.String(length=36), nullable=False),
        sa.Column("message_id", sa.String(length=512), nullable=False),
        sa.Column("stream", sa.String(length=255), nullable=True),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "queue", "key_hash", name=op.f("pk_queue_dedupe_keys")),
    )
    op.create_index(op.f("ix_queue_dedupe_keys_expires_at"), "queue_dedupe_keys", ["expires_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_queue_dedupe_keys_expires_at"), table_name="queue_dedupe_keys")
    op.drop_table("queue_dedupe_keys")
    op.drop_column("queues", "options")
