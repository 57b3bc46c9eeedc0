"""The catalogue from the command line, as a person or a script uses it."""

import asyncio
import json
import os
import sys
from functools import partial

ORDER = {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]}


async def run(hub, *arguments, stdin=None):
    environment = os.environ | {"TRUNKLINE_URL": hub.url, "TRUNKLINE_TOKEN": hub.admin_token}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "trunkline.cli", *arguments, env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(stdin), 60)
    return process.returncode, out.decode(), err.decode()


async def test_a_type_is_declared_checked_shown_and_removed(sqlite_hub, name, tmp_path):
    cli = partial(run, sqlite_hub)
    kind = f"order.{name}"
    (tmp_path / "order.json").write_text(json.dumps(ORDER))
    code, out, err = await cli(
        "events", "types", "declare", kind, f"@{tmp_path / 'order.json'}", "--owner", "shop", "--tag", "a", "--tag", "b",
        "--policy", "enforce", "--sample", '{"id": 1}', "--note", "first",
    )  # fmt: skip
    assert (code, out.strip()) == (0, f"{kind}: version 1, backward, lenient, enforce"), err
    text_id = json.dumps({**ORDER, "properties": {"id": {"type": "string"}}})
    code, out, _ = await cli("events", "types", "check", kind, "-", stdin=text_id.encode())
    assert code == 1
    assert "/properties/id/type (backward, version 1): takes string only" in out
    code, out, _ = await cli("--json", "events", "types", "check", kind, text_id, "--compatibility", "none")
    assert code == 0 and json.loads(out)["compatible"] is True
    code, out, _ = await cli("events", "types", "validate", kind, '{"id": "x"}')
    assert code == 1 and '/id: "x" is not of type "integer"' in out
    code, _, err = await cli("publish", kind, '{"id": "x"}')
    assert code == 1 and "/data/id" in err and "does not fit version 1" in err
    code, out, _ = await cli("events", "types", "show", kind)
    assert code == 0 and "shop" in out and '"required"' in out
    code, out, _ = await cli("events", "types", "list", "--text", name, "--json")
    assert [item["tags"] for item in json.loads(out)["items"]] == [["a", "b"]]
    assert (await cli("events", "types", "deprecate", kind, "--version", "1"))[
        1
    ].strip() == f"version 1 of {kind} is deprecated"
    assert "deprecated" in (await cli("events", "types", "versions", kind))[1]
    assert (await cli("events", "types", "remove", kind))[0] == 0
    code, _, err = await cli("events", "types", "schema", kind)
    assert code == 1 and "event_type.unknown" in err


async def test_models_are_written_for_named_types_and_for_all(own_hub, name, tmp_path):
    cli = partial(run, await own_hub())
    kind = f"{name}.made"
    assert (await cli("events", "types", "declare", kind, json.dumps(ORDER)))[0] == 0
    code, out, err = await cli("events", "codegen", kind, "--language", "typescript", "--out", str(tmp_path / "ts"))
    assert code == 0, err
    (file,) = (tmp_path / "ts").iterdir()
    assert out.strip() == f"wrote {file}" and f"Event type: {kind}, version 1" in file.read_text()
    code, out, err = await cli(
        "--json", "events", "codegen", "--all", "--language", "msgspec", "--out", str(tmp_path / "py")
    )
    assert code == 0, err
    assert f"{file.stem}.py" in {path.rsplit("/", 1)[1] for path in json.loads(out)["written"]}
    assert (await cli("events", "codegen", "--language", "msgspec", "--out", str(tmp_path)))[0] == 2
