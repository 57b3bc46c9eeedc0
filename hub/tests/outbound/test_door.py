"""The door out: what it refuses, that it connects to what it judged, and that no answer can hurt the hub."""

import asyncio
import socket
from contextlib import asynccontextmanager

import aiohttp
import httpx
import httpx2
import pytest
from aiohttp import web
from support.tls import authority
from trunkline.protocol.errors import (
    OutboundRefusedError,
    OutboundTimeoutError,
    OutboundTooLargeError,
    OutboundUnreachableError,
    SettingInvalidError,
)
from trunkline_hub.outbound import Outbound
from trunkline_hub.outbound.settings import OutboundSettings
from trunkline_hub.outbound.transports import httpx2_transport, httpx_transport

INSIDE = """
127.0.0.1 127.9.9.9 0.0.0.0 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200 168.63.129.16
224.0.0.1 255.255.255.255 [::1] [::] [::ffff:127.0.0.1] [::ffff:a9fe:a9fe] [fd00:ec2::254] [fe80::1] [fec0::1]
[ff02::1] [64:ff9b::7f00:1] [2002:7f00:1::] 2130706433 0x7f000001 127.1 017700000001 localhost
""".split()


def _answers(*rounds):
    """A resolver that answers each look-up with the next of `rounds`, the last one for ever."""
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        return list(rounds[min(len(asked), len(rounds)) - 1])

    resolve.asked = asked
    return resolve


@asynccontextmanager
async def door(*allow, resolve=None, **settings):
    made = Outbound(OutboundSettings(allow=list(allow), **{"read_s": 0.5, "connect_s": 2.0, **settings}), resolve)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def server(handler, tls=None):
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    opened = socket.socket()
    opened.bind(("127.0.0.1", 0))
    await web.SockSite(runner, opened, ssl_context=tls).start()
    try:
        yield opened.getsockname()[1]
    finally:
        await runner.cleanup()


async def _hello(request):
    return web.json_response({"host": request.headers["Host"], "auth": request.headers.get("Authorization")})


@pytest.mark.parametrize("host", INSIDE)
async def test_what_lies_inside_is_refused_in_every_notation(host):
    async with door() as out:
        with pytest.raises((OutboundRefusedError, OutboundUnreachableError)):
            async with out.request("GET", f"http://{host}:9/"):
                pass


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "//x", "http://", "http://u:p@example.com/", "http://[::1", "x"]
)
async def test_only_plain_http_urls_are_reached(url):
    async with door() as out:
        with pytest.raises(OutboundRefusedError):
            async with out.request("GET", url):
                pass


async def test_what_the_setting_names_is_reached():
    async with server(_hello) as port:
        for allowed in ("127.0.0.1", f"127.0.0.1:{port}", "127.0.0.0/8"):
            async with door(allowed) as out, out.request("GET", f"http://127.0.0.1:{port}/") as answer:
                assert answer.status == 200
        async with door("127.0.0.1:1", "10.0.0.0/8") as out:
            with pytest.raises(OutboundRefusedError):
                async with out.request("GET", f"http://127.0.0.1:{port}/"):
                    pass


async def _aiohttp(out, url):
    async with out.request("GET", url) as answer:
        return answer.status


async def _httpx(out, url):
    async with httpx.AsyncClient(transport=httpx_transport(out.guard), trust_env=False) as client:
        return (await client.get(url)).status_code


async def _httpx2(out, url):
    async with httpx2.AsyncClient(transport=httpx2_transport(out.guard), trust_env=False) as client:
        return (await client.get(url)).status_code


@pytest.mark.parametrize("get", [_aiohttp, _httpx, _httpx2])
async def test_certificates_of_named_authorities_are_believed_and_no_others(get, tmp_path):
    known = authority(tmp_path, "localhost")
    refused = (OutboundUnreachableError, httpx.ConnectError, httpx2.ConnectError)
    async with server(_hello, known.server_context()) as port:
        async with door("127.0.0.1", "localhost", ca_file=str(known.ca_file)) as out:
            assert await get(out, f"https://localhost:{port}/") == 200
            with pytest.raises(refused):
                await get(out, f"https://127.0.0.1:{port}/")
        async with door("127.0.0.1", "localhost") as out:
            with pytest.raises(refused):
                await get(out, f"https://localhost:{port}/")


def test_a_file_without_certificates_is_told_at_start(tmp_path):
    (tmp_path / "empty.pem").write_text("")
    for named in ("empty.pem", "none.pem"):
        with pytest.raises(SettingInvalidError, match="ca_file"):
            Outbound(OutboundSettings(ca_file=str(tmp_path / named)))


@pytest.mark.parametrize("entry", ["", "a b", "http://x", "host:port", "10.0.0.0/99"])
def test_an_entry_that_is_none_is_told_at_start(entry):
    with pytest.raises(SettingInvalidError):
        Outbound(OutboundSettings(allow=[entry]))


async def test_a_name_that_leads_inside_is_refused_whatever_else_it_has():
    async with door(resolve=_answers(["127.0.0.1", "10.0.0.1"])) as out:
        with pytest.raises(OutboundRefusedError):
            async with out.request("GET", "http://public.example/"):
                pass


async def test_it_connects_to_the_address_it_judged_and_asks_no_second_time():
    """DNS rebinding: the second answer would lead elsewhere, but there is no second question."""
    async with server(_hello) as port:
        resolve = _answers(["127.0.0.1"], ["10.255.255.1"])
        async with (
            door(f"good.example:{port}", resolve=resolve) as out,
            out.request("GET", f"http://good.example:{port}/") as answer,
        ):
            assert b"good.example" in await answer.read()
        assert resolve.asked == [("good.example", port)]


async def test_a_name_that_turns_inward_later_is_refused_then():
    async with server(_hello) as port:
        resolve = _answers(["93.184.216.34"], ["127.0.0.1"])
        async with door(resolve=resolve, connect_s=0.2) as out:
            with pytest.raises((OutboundTimeoutError, OutboundUnreachableError)):
                async with out.request("GET", f"http://turns.example:{port}/"):
                    pass
            with pytest.raises(OutboundRefusedError):
                async with out.request("GET", f"http://turns.example:{port}/"):
                    pass


async def test_redirects_are_answers_unless_asked_for_and_never_lead_inside():
    async def away(request):
        if request.path == "/end":
            return await _hello(request)
        raise web.HTTPFound({"/inward": "http://169.254.169.254/latest", "/on": "/end"}[request.path])

    async with server(away) as port, door(f"127.0.0.1:{port}") as out:
        async with out.request("GET", f"http://127.0.0.1:{port}/inward") as answer:
            assert answer.status == 302
        with pytest.raises(OutboundRefusedError):
            async with out.request("GET", f"http://127.0.0.1:{port}/inward", redirects=3):
                pass
        async with out.request("GET", f"http://127.0.0.1:{port}/on", redirects=3) as answer:
            assert answer.status == 200


async def test_a_secret_does_not_follow_a_redirect_to_another_origin():
    async with server(_hello) as elsewhere:

        async def away(_request):
            raise web.HTTPTemporaryRedirect(f"http://127.0.0.1:{elsewhere}/")

        async with (
            server(away) as port,
            door("127.0.0.1") as out,
            out.request(
                "GET", f"http://127.0.0.1:{port}/", redirects=1, headers={"Authorization": "Bearer s"}
            ) as answer,
        ):
            assert b'"auth": null' in await answer.read()


async def _flood(request):
    response = web.StreamResponse()
    if request.path == "/declared":
        response.content_length = 100 * 2**20
    await response.prepare(request)
    for _ in range(1600):
        await response.write(b"x" * 65536)
    return response


@pytest.mark.parametrize("path", ["/declared", "/undeclared"])
async def test_a_hundred_megabytes_are_not_read(path):
    async with server(_flood) as port, door("127.0.0.1", max_bytes=2**20) as out:
        async with out.request("GET", f"http://127.0.0.1:{port}{path}") as answer:
            with pytest.raises(OutboundTooLargeError):
                await answer.read()


async def _hang(request):
    if request.path == "/half":
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
    await asyncio.sleep(30)


@pytest.mark.parametrize("path", ["/silent", "/half"])
async def test_a_server_that_hangs_is_given_up(path):
    async with server(_hang) as port, door("127.0.0.1") as out:
        with pytest.raises(OutboundTimeoutError):
            async with out.request("GET", f"http://127.0.0.1:{port}{path}") as answer:
                await answer.read()


async def test_a_server_that_trickles_is_given_up_in_the_end():
    async def trickle(request):
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.05)

    async with server(trickle) as port, door("127.0.0.1", total_s=0.6) as out:
        with pytest.raises(OutboundTimeoutError):
            async with out.request("GET", f"http://127.0.0.1:{port}/") as answer:
                await answer.read()


@asynccontextmanager
async def _raw(reply):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b"not http\r\n\r\n"])
async def test_a_server_that_breaks_off_is_an_error_of_the_catalogue(reply):
    async with _raw(reply) as port, door("127.0.0.1") as out:
        with pytest.raises(OutboundUnreachableError):
            async with out.request("GET", f"http://127.0.0.1:{port}/") as answer:
                await answer.read()


async def test_nobody_there_is_an_error_of_the_catalogue():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    async with door("127.0.0.1") as out:
        with pytest.raises(OutboundUnreachableError):
            async with out.request("GET", f"http://127.0.0.1:{port}/"):
                pass


async def test_the_bare_session_is_guarded_too():
    async with server(_hello) as port, door() as out:
        with pytest.raises(OutboundRefusedError):
            await out.session().get(f"http://127.0.0.1:{port}/")
        with pytest.raises((OutboundRefusedError, aiohttp.ClientError)):
            await out.session().get(f"http://localhost:{port}/")


CLIENTS = [(httpx, httpx_transport), (httpx2, httpx2_transport)]


@pytest.mark.parametrize(("library", "transport"), CLIENTS, ids=["httpx", "httpx2"])
async def test_other_libraries_pass_the_same_guard(library, transport):
    async with server(_hello) as port:
        resolve = _answers(["127.0.0.1"], ["10.255.255.1"])
        async with door(f"good.example:{port}", resolve=resolve) as out:
            client = library.AsyncClient(transport=transport(out.guard), trust_env=False)
            async with client:
                answer = await client.get(f"http://good.example:{port}/")
                assert answer.json()["host"] == f"good.example:{port}"
                with pytest.raises(OutboundRefusedError):
                    await client.get(f"http://127.0.0.1:{port}/")
                with pytest.raises(OutboundRefusedError):
                    await client.get("http://elsewhere.example/")
            assert resolve.asked[0] == ("good.example", port)


@pytest.mark.parametrize(("library", "transport"), CLIENTS, ids=["httpx", "httpx2"])
async def test_other_libraries_do_not_read_a_flood_and_follow_nothing_inward(library, transport):
    async def answer(request):
        if request.path == "/inward":
            raise web.HTTPFound("http://169.254.169.254/")
        return await _flood(request)

    async with server(answer) as port, door("127.0.0.1", max_bytes=2**20) as out:
        async with library.AsyncClient(transport=transport(out.guard), trust_env=False) as client:
            with pytest.raises(OutboundTooLargeError):
                await client.get(f"http://127.0.0.1:{port}/undeclared")
            with pytest.raises(OutboundRefusedError):
                await client.get(f"http://127.0.0.1:{port}/inward", follow_redirects=True)
