"""Pages: the streams that plain queues share, when they are too many for one."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queues", sa.Column("page", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("queues", sa.Column("consumers", sa.Integer(), server_default=sa.text("1"), nullable=False))
    _count_consumers()
    op.create_index(op.f("ix_queues_workspace_id_page_consumers"), "queues", ["workspace_id", "page", "consumers"])
    op.create_table(
        "queue_pages",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "page", name=op.f("pk_queue_pages")),
    )


def _count_consumers() -> None:
    columns = (sa.column(name, kind) for name, kind in (
        ("workspace_id", sa.String), ("name", sa.String), ("options", sa.JSON), ("consumers", sa.Integer),
    ))  # fmt: skip
    queues = sa.table("queues", *columns)
    bind = op.get_bind()
    for row in bind.execute(sa.select(queues.c.workspace_id, queues.c.name, queues.c.options)).all():
        count = _consumers(row.options)
        if count != 1:
            mine = (queues.c.workspace_id == row.workspace_id) & (queues.c.name == row.name)
            bind.execute(queues.update().where(mine).values(consumers=count))


def _consumers(options: dict[str, Any]) -> int:
    if options.get("max_messages") or options.get("max_bytes"):
        return 0
    classes = {"normal", *(options.get("classes") or {})}
    return len(classes) * (options.get("partitions") or 1 if options.get("concurrency_per_key") else 1)


def downgrade() -> None:
    op.drop_table("queue_pages")
    op.drop_index(op.f("ix_queues_workspace_id_page_consumers"), table_name="queues")
    op.drop_column("queues", "consumers")
    op.drop_column("queues", "page")
