"""Dead letters that can be searched, edited and discarded; queues that can be paused; first revisions of queues."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _new():
    return (
        sa.Column("state", sa.String(length=9), nullable=False, server_default="waiting"),
        sa.Column("sender_verified", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("agent", sa.String(length=127), nullable=True),
        sa.Column("correlation_id", sa.String(length=512), nullable=True),
        sa.Column("redriven_to", sa.String(length=127), nullable=True),
        sa.Column("edited_by", sa.String(length=255), nullable=True),
        sa.Column("discarded_at", UtcDateTime(), nullable=True),
        sa.Column("discarded_by", sa.String(length=255), nullable=True),
        sa.Column("discard_reason", sa.Text(), nullable=True),
        sa.Column("job_id", sa.String(length=36), nullable=True),
    )


_INDEXES = (
    ["workspace_id", "state", "seq"],
    ["workspace_id", "lane", "reader", "state"],
    ["workspace_id", "lane", "reader", "seq"],
    ["workspace_id", "reason", "seq"],
    ["workspace_id", "type", "seq"],
    ["workspace_id", "message_id"],
    ["workspace_id", "correlation_id"],
    ["redrive_of"],
    ["job_id"],
)
_BY_ID = (["workspace_id", "id"], ["workspace_id", "lane", "reader", "id"])
"""Their pages are in the order of the stream by now."""


def _index(columns):
    return op.f("ix_dead_letters_" + "_".join(columns))


def upgrade() -> None:
    for column in _new():
        op.add_column("dead_letters", column)
    op.execute("UPDATE dead_letters SET state = 'redriven' WHERE redriven_at IS NOT NULL")
    for columns in _BY_ID:
        op.drop_index(_index(columns), "dead_letters")
    for columns in _INDEXES:
        op.create_index(_index(columns), "dead_letters", columns, unique=False)
    op.create_table(
        "dead_letter_expiries",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("lane", sa.String(length=7), nullable=False),
        sa.Column("reader", sa.String(length=127), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "lane", "reader", "state", name=op.f("pk_dead_letter_expiries")),
    )
    op.create_table(
        "queue_states",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("state", sa.String(length=15), nullable=False),
        sa.Column("by", sa.String(length=255), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_queue_states")),
    )
    _first_revisions()


def downgrade() -> None:
    op.drop_table("queue_states")
    op.drop_table("dead_letter_expiries")
    for columns in _INDEXES:
        op.drop_index(_index(columns), "dead_letters")
    with op.batch_alter_table("dead_letters") as table:
        for column in _new():
            table.drop_column(column.name)
    for columns in _BY_ID:
        op.create_index(_index(columns), "dead_letters", columns, unique=False)


def _first_revisions() -> None:
    """What was declared before there were revisions can be gone back to."""
    queues = sa.table(
        "queues", sa.column("workspace_id"), sa.column("name"), sa.column("retry", sa.JSON()), sa.column("ack_wait_s"),
        sa.column("max_in_flight"), sa.column("created_at", UtcDateTime()),
    )  # fmt: skip
    revisions = sa.table(
        "revisions", sa.column("workspace_id"), sa.column("kind"), sa.column("name"), sa.column("number"),
        sa.column("action"), sa.column("body", sa.JSON()), sa.column("by"), sa.column("at", UtcDateTime()),
        sa.column("note"),
    )  # fmt: skip
    connection = op.get_bind()
    for row in connection.execute(sa.select(queues)).all():
        body = {"retry": row.retry, "ack_wait_s": row.ack_wait_s, "max_in_flight": row.max_in_flight}
        connection.execute(
            revisions.insert(),
            {
                "workspace_id": row.workspace_id, "kind": "queue", "name": row.name, "number": 1, "action": "declared",
                "body": body, "by": "hub", "at": row.created_at, "note": "as it was before revisions were kept",
            },
        )  # fmt: skip
