"""`trunkline tokens …`, `trunkline signin` and `trunkline whoami`."""

import click

from trunkline.cli.output import Screen, ago
from trunkline.cli.session import with_client
from trunkline.client import Client
from trunkline.protocol.resources import SigninLink, TokenRequest, Whoami


@click.group()
def tokens() -> None:
    """API keys: who may do what, until when."""


@tokens.command("list")
@with_client
async def list_tokens(client: Client, screen: Screen) -> None:
    """List tokens; secrets are never shown again."""
    page = await client.tokens.list(limit=500)
    rows = [
        (
            token.id, token.name, token.principal, " ".join(token.scopes), ago(token.created_at),
            ago(token.expires_at), ago(token.last_used_at), "revoked" if token.revoked_at else "active",
        )
        for token in page.items
    ]  # fmt: skip
    columns = ("id", "name", "principal", "scopes", "created", "expires", "last used", "state")
    screen.table(page, columns, rows, empty="There are no tokens.")


@tokens.command("create")
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, required=True, help="May be given several times; see `tokens scopes`."
)
@click.option("--principal", help="Whose token it is; made when new. [default: you]")
@click.option("--expires-in", "expires_in_s", type=int, help="Life in seconds. [default: no end]")
@with_client
async def create_token(
    client: Client,
    screen: Screen,
    name: str,
    scopes: tuple[str, ...],
    principal: str | None,
    expires_in_s: int | None,
) -> None:
    """Create a token and print it: this once and never again."""
    wanted = TokenRequest(name=name, scopes=list(scopes), principal=principal, expires_in_s=expires_in_s)
    made = await client.tokens.create(wanted)
    screen.show(made, made.secret)


@tokens.command("revoke")
@click.argument("token_id", metavar="ID")
@with_client
async def revoke_token(client: Client, screen: Screen, token_id: str) -> None:
    """Revoke a token at once."""
    await client.tokens.revoke(token_id)
    screen.show({"revoked": token_id}, f"{token_id} is revoked.")


@tokens.command("scopes")
@with_client
async def list_scopes(client: Client, screen: Screen) -> None:
    """List the scopes a token may carry."""
    scopes = await client.api.request("GET", "/api/v1/scopes", dict[str, str])
    screen.table(scopes, ("scope", "lets you"), list(scopes.items()), empty="")


@click.command()
@with_client
async def signin(client: Client, screen: Screen) -> None:
    """Make a link that signs your browser in to the dashboard, once."""
    link = await client.api.request("POST", "/api/v1/signin-links", SigninLink)
    screen.show(link, f"{link.url}\n(good for one sign-in, until {link.expires_at})")


@click.command()
@with_client
async def whoami(client: Client, screen: Screen) -> None:
    """Tell as whom you speak to which hub."""
    who = await client.api.request("GET", "/api/v1/session", Whoami)
    screen.show(who, f"{who.principal} at {client.api.url}, workspace {who.workspace}, scopes {' '.join(who.scopes)}")
