"""Models made from schemas: Python that imports, validates and round-trips; TypeScript that its own compiler takes."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import jsonschema_rs
import msgspec
import pytest
from trunkline import codegen
from trunkline.codegen import Source, generate
from trunkline.codegen.source import file_stems, pascal
from trunkline.payloads import Codec, encode
from trunkline.protocol.errors import CodegenMissingError, PayloadInvalidError, SchemaUnsupportedError

ROOT = Path(__file__).parents[2]
TSC = ROOT / "ui/node_modules/typescript/bin/tsc"

ITEM = {
    "type": "object",
    "properties": {"sku": {"type": "string", "pattern": "^[A-Z]+$"}, "parts": {"type": "array", "items": {"$ref": "#/$defs/Item"}}},
    "required": ["sku"],
}  # fmt: skip
ORDER = {
    "type": "object",
    "description": "An order */ \"\"\" of 'ours' \\",
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "note": {"type": ["string", "null"], "description": "what they said"},
        "class": {"type": "string"},
        "first-name": {"type": "string"},
        "state": {"enum": ["new", "paid"]},
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "at": {"type": "string", "format": "date-time"},
        "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False, "minItems": 2},
        "prices": {"type": "object", "additionalProperties": {"type": "number"}},
        "extra": {},
    },
    "required": ["id", "class"],
    "$defs": {"Item": ITEM},
}  # fmt: skip
SAMPLES = [
    {"id": 1, "class": "a"},
    {"id": 2, "class": "b", "first-name": "Ada", "note": None, "state": "paid", "extra": {"x": [1]}},
    {"id": 3, "class": "c", "items": [{"sku": "A", "parts": [{"sku": "B"}]}], "pair": [1, "x"], "prices": {"eur": 1.5}},
    {"id": 4, "class": "d", "at": "2026-11-22T10:00:00Z"},
]
WRONG = [{"class": "a"}, {"id": "x", "class": "a"}, {"id": 1, "class": "a", "state": "lost"}, {"id": 0, "class": "a"}]
TREE = {"$ref": "#/$defs/N", "$defs": {"N": {"type": "object", "properties": {"v": {"type": "integer"}, "n": {"$ref": "#/$defs/N"}}, "required": ["v"]}}}  # fmt: skip
TAGGED = {
    "oneOf": [
        {"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "integer"}}, "required": ["kind", "x"]},
        {"type": "object", "properties": {"kind": {"const": "b"}, "y": {"type": "string"}}, "required": ["kind"]},
    ]
}
UNTAGGED = {
    "type": "object",
    "properties": {
        "who": {
            "anyOf": [
                {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
                {"type": "object", "properties": {"y": {"type": "integer"}}, "required": ["y"]},
            ]
        }
    },
}


def source(schema, name="order.created", number=3):
    return Source(name=name, number=number, fingerprint="f" * 64, dataschema=f"urn:trunkline:schema:default:{name}:{number}", schema=schema)  # fmt: skip


def load(tmp_path, files):
    """Write and import the one module; returns the class of the event type."""
    ((file, text),) = files.items()
    (tmp_path / file).write_text(text)
    spec = importlib.util.spec_from_file_location(f"made_{abs(hash(text))}", tmp_path / file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["pydantic", "msgspec"])
def test_python_models_take_the_samples_and_give_them_back(tmp_path, language):
    module = load(tmp_path, generate([source(ORDER)], language))
    codec, validator = Codec(module.OrderCreated), jsonschema_rs.validator_for(ORDER, validate_formats=True)
    for sample in SAMPLES:
        back = json.loads(encode(codec.decode(json.dumps(sample).encode())))
        assert back == sample
        assert validator.is_valid(back)
    for wrong in WRONG:
        with pytest.raises(PayloadInvalidError):
            codec.decode(json.dumps(wrong).encode())


@pytest.mark.parametrize("language", ["pydantic", "msgspec"])
@pytest.mark.parametrize(
    ("schema", "sample"),
    [
        (TREE, {"v": 1, "n": {"v": 2}}), (TAGGED, {"kind": "a", "x": 1}), (TAGGED, {"kind": "b"}),
        ({"type": "array", "items": ITEM, "$defs": {"Item": ITEM}}, [{"sku": "A"}]), ({"type": "string"}, "x"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, {"a": 1}),
    ],
)  # fmt: skip
def test_shapes_of_all_kinds_round_trip(tmp_path, language, schema, sample):
    module = load(tmp_path, generate([source(schema)], language))
    codec = Codec(module.OrderCreated)
    assert json.loads(encode(codec.decode(json.dumps(sample).encode()))) == sample


def test_what_a_language_cannot_say_is_told_with_its_place(tmp_path):
    with pytest.raises(SchemaUnsupportedError) as caught:
        generate([source(UNTAGGED)], "msgspec")
    assert "who" in caught.value.errors[0].detail
    assert "Who" in generate([source(UNTAGGED)], "pydantic")["order_created.py"]
    odd = {"type": "object", "properties": {"a": {"not": {"type": "string"}}, "b": {"allOf": [{"if": {}, "then": {}}]}}}
    with pytest.raises(SchemaUnsupportedError) as caught:
        generate([source(odd)], "typescript")
    assert [error.pointer for error in caught.value.errors] == ["/properties/a/not", "/properties/b/allOf/0/if"]


@pytest.mark.parametrize("language", codegen.LANGUAGES)
def test_the_same_schema_gives_the_same_text_wherever_it_is_made(tmp_path, monkeypatch, language):
    first = generate([source(ORDER)], language)
    (tmp_path / "pyproject.toml").write_text("[tool.black]\nline-length = 40\n[tool.datamodel-codegen]\nsnake-case-field = true\n")  # fmt: skip
    monkeypatch.chdir(tmp_path)
    turned = json.loads(json.dumps(ORDER, sort_keys=True)) if language != "typescript" else ORDER
    assert generate([source(turned)], language) == first
    (text,) = first.values()
    assert "order.created, version 3" in text
    assert "urn:trunkline:schema:default:order.created:3" in text


def test_without_the_generator_it_is_said_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "datamodel_code_generator", None)
    with pytest.raises(CodegenMissingError) as caught:
        generate([source(ORDER)], "pydantic")
    assert "pip install 'trunkline[codegen]'" in caught.value.remedy
    assert generate([source(ORDER)], "typescript")


def test_two_types_never_share_a_file():
    assert file_stems(["a.b", "a_b", "a-b", "class", "1x"]) == ["a_b", "a_b_2", "a_b_3", "event_class", "event_1x"]
    assert [pascal(name) for name in ("order.created", "a-b_c", "1.x")] == ["OrderCreated", "ABC", "T1X"]
    files = generate([source(ORDER, "b.x"), source(TREE, "a.x")], "typescript")
    assert list(files) == ["a_x.ts", "b_x.ts"]


def test_typescript_says_what_it_can():
    text = generate([source(ORDER)], "typescript")["order_created.ts"]
    assert "export type OrderCreated = {" in text and "export type Item = {" in text
    for line in (
        '  "first-name"?: string;', '  state?: "new" | "paid";', "  items?: Item[];", "  pair?: [number, string];",
        "    [key: string]: number;", "  /** what they said */", "  note?: string | null;", "  extra?: unknown;",
        "  class: string;", "  /** @minimum 1 */",
    ):  # fmt: skip
        assert line in text, line
    assert 'An order *\\/ """' in text


USE = """
import type { OrderCreated } from "./order_created";
import type { TreeGrown } from "./tree_grown";
import type { PaymentDone } from "./payment_done";
const samples: OrderCreated[] = SAMPLES;
const tree: TreeGrown = { v: 1, n: { v: 2 } };
const done: PaymentDone = { kind: "a", x: 1 };
if (done.kind === "a") { const x: number = done.x; void x; }
// @ts-expect-error -- `id` is missing
const wrong: OrderCreated = { class: "a" };
// @ts-expect-error -- no such state
const lost: OrderCreated = { id: 1, class: "a", state: "lost" };
// @ts-expect-error -- too short
const short: OrderCreated = { id: 1, class: "a", pair: [1] };
export { samples, tree, wrong, lost, short };
"""


@pytest.mark.skipif(not TSC.exists(), reason="the dashboard's packages are not installed: make ui")
def test_typescript_passes_its_compiler(tmp_path):
    odd = {
        "type": "object", "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}, "list": {"$ref": "#/$defs/x~1y"}},
        "required": ["a", "unsaid"], "additionalProperties": {"type": "boolean"}, "patternProperties": {"^x": {"type": "null"}},
        "$defs": {"x/y": {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": ["null", "number"]}}},
    }  # fmt: skip
    sources = [
        source(ORDER), source(TREE, "tree.grown"), source(TAGGED, "payment.done"), source(odd, "odd"),
        source({"allOf": [TAGGED, ITEM], "$defs": {"Item": ITEM}}, "both"), source({}, "anything"),
        source({"const": {"a": [1, None, "x"]}}, "fixed"), source({"enum": ["*/", 1, None]}, "listed"),
    ]  # fmt: skip
    for file, text in generate(sources, "typescript").items():
        (tmp_path / file).write_text(text)
    typed = [sample for sample in SAMPLES]
    (tmp_path / "use.ts").write_text(USE.replace("SAMPLES", json.dumps(typed)))
    node = Path(sys.executable).parent / "node"
    run = [str(node), str(TSC), "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext", "--moduleResolution", "bundler"]  # fmt: skip
    done = subprocess.run([*run, *sorted(map(str, tmp_path.glob("*.ts")))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
