"""First light: identity, audit, outbox, leases, queues, groups, dead letters, agents."""

import sqlalchemy as sa
from alembic import op

from trunkline_hub.db.tables import UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent_skills",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("skill", sa.String(length=127), nullable=False),
        sa.Column("agent", sa.String(length=127), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "skill", "agent", name=op.f("pk_agent_skills")),
    )
    op.create_table(
        "agents",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("owner", sa.String(length=127), nullable=False),
        sa.Column("version", sa.String(length=63), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("skills", sa.JSON(), nullable=False),
        sa.Column("readers", sa.JSON(), nullable=False),
        sa.Column("registered_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_agents")),
    )
    op.create_table(
        "attempts",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.String(length=7), nullable=False),
        sa.Column("reader", sa.String(length=127), nullable=False),
        sa.Column("stream_seq", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("record", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "seq", name=op.f("pk_attempts")),
    )
    op.create_index(
        op.f("ix_attempts_workspace_id_lane_reader_stream_seq"),
        "attempts",
        ["workspace_id", "lane", "reader", "stream_seq"],
        unique=False,
    )
    op.create_table(
        "audit_log",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("principal", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=127), nullable=False),
        sa.Column("resource", sa.String(length=512), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("request_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    op.create_index(op.f("ix_audit_log_workspace_id_id"), "audit_log", ["workspace_id", "id"], unique=False)
    op.create_table(
        "bus_grants",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("agent", sa.String(length=127), nullable=False),
        sa.Column("kind", sa.String(length=15), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("principal", sa.String(length=127), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "agent", "kind", "name", name=op.f("pk_bus_grants")),
    )
    op.create_index(op.f("ix_bus_grants_principal_agent"), "bus_grants", ["principal", "agent"], unique=False)
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.String(length=7), nullable=False),
        sa.Column("reader", sa.String(length=127), nullable=False),
        sa.Column("subject", sa.String(length=2048), nullable=False),
        sa.Column("stream_seq", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.String(length=512), nullable=False),
        sa.Column("type", sa.String(length=512), nullable=False),
        sa.Column("sender", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=63), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("traceparent", sa.String(length=55), nullable=True),
        sa.Column("redrive_of", sa.String(length=36), nullable=True),
        sa.Column("died_at", UtcDateTime(), nullable=False),
        sa.Column("redrive_began_at", UtcDateTime(), nullable=True),
        sa.Column("redriven_at", UtcDateTime(), nullable=True),
        sa.Column("redriven_by", sa.String(length=255), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dead_letters")),
        sa.UniqueConstraint("workspace_id", "seq", name=op.f("uq_dead_letters_workspace_id_seq")),
    )
    op.create_index(op.f("ix_dead_letters_workspace_id_id"), "dead_letters", ["workspace_id", "id"], unique=False)
    op.create_index(
        op.f("ix_dead_letters_workspace_id_lane_reader_id"),
        "dead_letters",
        ["workspace_id", "lane", "reader", "id"],
        unique=False,
    )
    op.create_table(
        "event_groups",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("retry", sa.JSON(), nullable=False),
        sa.Column("ack_wait_s", sa.Float(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_event_groups")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("holder", sa.String(length=127), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("type", sa.String(length=255), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
    )
    op.create_table(
        "principals",
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=15), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_principals")),
    )
    op.create_table(
        "queues",
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("retry", sa.JSON(), nullable=False),
        sa.Column("ack_wait_s", sa.Float(), nullable=False),
        sa.Column("max_in_flight", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "name", name=op.f("pk_queues")),
    )
    op.create_table(
        "workspaces",
        sa.Column("id", sa.String(length=63), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workspaces")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("principal", sa.String(length=127), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=127), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("last_used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["principal"], ["principals.name"], name=op.f("fk_api_keys_principal")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_workspace_id_id"), "api_keys", ["workspace_id", "id"], unique=False)
    op.create_table(
        "sessions",
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_sessions_key_id")),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_sessions")),
    )
    op.create_table(
        "signin_links",
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("workspace_id", sa.String(length=63), nullable=False),
        sa.Column("key_id", sa.String(length=16), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["api_keys.id"], name=op.f("fk_signin_links_key_id")),
        sa.PrimaryKeyConstraint("secret_hash", name=op.f("pk_signin_links")),
    )


def downgrade() -> None:
    op.drop_table("signin_links")
    op.drop_table("sessions")
    op.drop_index(op.f("ix_api_keys_workspace_id_id"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("workspaces")
    op.drop_table("queues")
    op.drop_table("principals")
    op.drop_table("outbox")
    op.drop_table("leases")
    op.drop_table("event_groups")
    op.drop_index(op.f("ix_dead_letters_workspace_id_lane_reader_id"), table_name="dead_letters")
    op.drop_index(op.f("ix_dead_letters_workspace_id_id"), table_name="dead_letters")
    op.drop_table("dead_letters")
    op.drop_index(op.f("ix_bus_grants_principal_agent"), table_name="bus_grants")
    op.drop_table("bus_grants")
    op.drop_index(op.f("ix_audit_log_workspace_id_id"), table_name="audit_log")
    op.drop_table("audit_log")
    op.drop_index(op.f("ix_attempts_workspace_id_lane_reader_stream_seq"), table_name="attempts")
    op.drop_table("attempts")
    op.drop_table("agents")
    op.drop_table("agent_skills")
