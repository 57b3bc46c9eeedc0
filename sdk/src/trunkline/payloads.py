"""Typed payloads: Pydantic models, msgspec structs, dataclasses, TypedDicts, builtins, in JSON, MessagePack or text.

A `Codec` is made once per handler; decoding then costs one call. Pydantic is
recognised without being imported, so it stays optional.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, cast

import msgspec

from trunkline.blobs import Blob
from trunkline.protocol import envelope as ce
from trunkline.protocol import media
from trunkline.protocol.errors import FieldError, HandlerInvalidError, PayloadInvalidError, pointer
from trunkline.protocol.validation import field_error

RAW = (bytes, bytearray, memoryview)


class Nothing:
    """The payload type of a handler that takes none."""


def is_pydantic(kind: Any) -> bool:
    """Whether `kind` is a Pydantic model class."""
    return isinstance(kind, type) and hasattr(kind, "model_validate_json") and hasattr(kind, "model_json_schema")


def _encode_unknown(value: Any) -> Any:
    if is_pydantic(type(value)):
        return value.model_dump(mode="json", by_alias=True)
    raise NotImplementedError(f"Objects of type {type(value).__name__} cannot be sent")


_encoder = msgspec.json.Encoder(enc_hook=_encode_unknown)
_packer = msgspec.msgpack.Encoder(enc_hook=_encode_unknown)


def encode(value: Any) -> bytes:
    """Return `value` as JSON bytes.

    Raises:
        PayloadInvalidError: the value has no JSON form.
    """
    try:
        if is_pydantic(type(value)):
            return cast("bytes", value.model_dump_json(by_alias=True).encode())
        return _encoder.encode(value)
    except (TypeError, ValueError, NotImplementedError) as error:
        raise PayloadInvalidError(f"The payload cannot be encoded as JSON: {error}") from None


def encode_as(value: Any, content_type: str) -> bytes:
    """Return `value` in the format of a media type; bytes are taken as being in it already.

    Raises:
        PayloadInvalidError: the value has no such form, or the media type is none.
    """
    if not media.is_media_type(content_type):
        raise PayloadInvalidError(f"{content_type!r} is not a media type such as {media.JSON}")
    form = media.format_of(content_type)
    if isinstance(value, RAW):
        return _ready(bytes(value), form)
    if form == "json":
        return encode(value)
    try:
        if form == "msgpack":
            return _pack(value)
        if form == "text" and isinstance(value, str):
            return value.encode(media.charset(content_type))
    except (TypeError, ValueError, LookupError, NotImplementedError) as error:
        raise PayloadInvalidError(f"The payload cannot be encoded as {content_type}: {error}") from None
    wanted = "text" if form == "text" else "bytes"
    raise PayloadInvalidError(f"A payload of {content_type} is given as {wanted}, not as {type(value).__name__}")


def _pack(value: Any) -> bytes:
    if not is_pydantic(type(value)):
        return _packer.encode(value)
    try:
        return _packer.encode(value.model_dump(by_alias=True))  # keeps bytes and times, which JSON has not
    except NotImplementedError:
        return _packer.encode(value.model_dump(mode="json", by_alias=True))


def reply_type(output: Any, asked_in: str | None) -> str | None:
    """Return the format of an answer: the question's where the output has a form in it, else its own."""
    form = "json" if asked_in is None else media.format_of(asked_in)
    fits = {
        "json": False, "msgpack": not isinstance(output, (*RAW, Blob)), "text": isinstance(output, str),
        "bytes": isinstance(output, RAW),
    }  # fmt: skip
    return asked_in if fits[form] else None


class Codec:
    """Decodes payloads into one type, and describes that type as JSON Schema 2020-12."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        self._decode: Callable[[bytes], Any] = self._choose(kind)
        self._absent = b"" if kind is bytes or kind is Blob else b"null"

    def read(self, message: ce.Envelope) -> Any:
        """Return the payload that a message carries, as its `datacontenttype` says.

        Raises:
            PayloadInvalidError: it is not of this type, or in a format that cannot become it.
        """
        content_type = message.datacontenttype
        if message.data_base64 is None and (content_type == ce.JSON_DATA or content_type is None):
            return self.decode(bytes(message.data) or self._absent)
        raw = ce.data_bytes(message)
        if not raw and message.data_base64 is None:
            return self.decode(self._absent)
        return self.decode_as(raw, content_type or media.OCTETS)

    def decode(self, raw: bytes) -> Any:
        """Parse and validate JSON.

        Raises:
            PayloadInvalidError: with a JSON pointer for each wrong value.
        """
        try:
            return self._decode(raw)
        except msgspec.ValidationError as error:
            raise PayloadInvalidError(errors=[field_error(str(error))]) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PayloadInvalidError(f"The payload is not valid JSON: {error}") from None
        except ValueError as error:
            raise _from_pydantic(error) from None

    def decode_as(self, raw: bytes, content_type: str) -> Any:
        """Parse and validate bytes of any media type.

        Raises:
            PayloadInvalidError
        """
        form = media.format_of(content_type)
        if self.kind is Blob:
            return Blob.from_bytes(raw, content_type=content_type)
        if form == "json" or self.kind is bytes or self.kind is Nothing:
            return self.decode(raw)
        try:
            if form == "msgpack":
                return self._convert(msgspec.msgpack.decode(raw)) if is_pydantic(self.kind) else self._unpack(raw)
            if form == "text":
                return self._convert(raw.decode(media.charset(content_type)))
        except msgspec.ValidationError as error:
            raise PayloadInvalidError(errors=[field_error(str(error))]) from None
        except (msgspec.DecodeError, LookupError, UnicodeDecodeError) as error:
            raise PayloadInvalidError(f"The payload is not valid {content_type}: {error}") from None
        except ValueError as error:
            raise _from_pydantic(error) from None
        if self.kind is Any:
            return raw
        known = f"a payload of {content_type} can only be taken as `bytes` or `tl.Blob`"
        raise PayloadInvalidError(f"The handler takes {_name(self.kind)}; {known}")

    def schema(self) -> dict[str, Any] | None:
        """Return the JSON Schema of the type, or None where anything goes."""
        if self.kind in (Any, bytes, Blob, Nothing):  # noqa: PLR6201 -- a kind need not be hashable
            return None
        if is_pydantic(self.kind):
            return cast("dict[str, Any]", self.kind.model_json_schema())
        try:
            (schema,), components = msgspec.json.schema_components([self.kind], ref_template="#/$defs/{name}")
        except TypeError as error:
            raise HandlerInvalidError(f"{self.kind!r} has no JSON Schema: {error}") from None
        if set(schema) == {"$ref"}:
            schema = components.pop(schema["$ref"].removeprefix("#/$defs/"))
        return {**schema, "$defs": components} if components else schema

    def _choose(self, kind: Any) -> Callable[[bytes], Any]:
        if kind is bytes:
            return bytes
        if kind is Nothing:
            return _ignore
        if kind is Blob:
            return _json_blob
        if is_pydantic(kind):
            return cast("Callable[[bytes], Any]", kind.model_validate_json)
        try:
            return (_shared_decoder if isinstance(kind, type) else msgspec.json.Decoder)(kind).decode
        except TypeError as error:
            raise HandlerInvalidError(f"{kind!r} cannot be decoded from JSON: {error}") from None

    def _unpack(self, raw: bytes) -> Any:
        return (_shared_unpacker if isinstance(self.kind, type) else msgspec.msgpack.Decoder)(self.kind).decode(raw)

    def _convert(self, value: Any) -> Any:
        return self.kind.model_validate(value) if is_pydantic(self.kind) else msgspec.convert(value, self.kind)


def codec_of(kind: Any) -> Codec:
    """Return a codec; a type's is made once."""
    return _shared_codec(kind) if isinstance(kind, type) else Codec(kind)


@lru_cache(maxsize=256)
def _shared_codec(kind: type) -> Codec:
    return Codec(kind)


@lru_cache(maxsize=256)
def _shared_decoder(kind: type) -> msgspec.json.Decoder[Any]:
    """A caller names the type of its result anew in each call; making a decoder costs more than using it."""
    return msgspec.json.Decoder(kind)


@lru_cache(maxsize=256)
def _shared_unpacker(kind: type) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)


def _ready(raw: bytes, form: media.Format) -> bytes:
    """Return bytes that are said to be in a format already; JSON is looked through, for others would trip over it."""
    if form == "json":
        try:
            msgspec.json.decode(raw, type=msgspec.Raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise PayloadInvalidError(f"The bytes given as JSON are none: {error}") from None
    return raw


def _ignore(_raw: bytes) -> None:
    return None


def _json_blob(raw: bytes) -> Blob:
    return Blob.from_bytes(raw, content_type=media.JSON)


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", str(kind))


def _from_pydantic(error: ValueError) -> PayloadInvalidError:
    listed = getattr(error, "errors", None)
    if listed is None:
        return PayloadInvalidError(str(error))
    fields = [FieldError(pointer(item["loc"]), item["msg"]) for item in listed(include_url=False, include_input=False)]
    if len(fields) == 1 and fields[0].detail.startswith("Invalid JSON"):
        return PayloadInvalidError(f"The payload is not valid JSON: {fields[0].detail}")
    return PayloadInvalidError(errors=fields)
