"""Pydantic models and msgspec structs, by datamodel-code-generator."""

import json
import warnings
from typing import Any

from trunkline.codegen.source import Source, pascal
from trunkline.protocol.errors import CodegenMissingError, FieldError, SchemaUnsupportedError

_LINE_CHARS = 100
_BY_NAME = "validate_by_name=True,"
_BY_ALIAS = "serialize_by_alias=True,"
"""A property whose name Python does not allow must leave under the schema's name again."""


def write(source: Source, language: str) -> str:
    """Return the module of one event type.

    Raises:
        CodegenMissingError, SchemaUnsupportedError
    """
    try:
        import datamodel_code_generator as dcg  # noqa: PLC0415 -- an extra, and slow to load
        from datamodel_code_generator.config import GenerateConfig  # noqa: PLC0415
        from datamodel_code_generator.enums import DataModelType, TargetPydanticVersion  # noqa: PLC0415
        from datamodel_code_generator.format import Formatter, PythonVersion  # noqa: PLC0415
        from datamodel_code_generator.parser import LiteralType  # noqa: PLC0415
    except ImportError:
        raise CodegenMissingError from None
    is_pydantic = language == "pydantic"
    config = GenerateConfig(
        input_file_type=dcg.InputFileType.JsonSchema,
        output_model_type=(DataModelType.PydanticV2BaseModel if is_pydantic else DataModelType.MsgspecStruct),
        class_name=pascal(source.name),
        custom_file_header="\n".join(f"# {line}" for line in source.header),
        formatters=[Formatter.BUILTIN],
        builtin_format_line_length=_LINE_CHARS,
        target_python_version=PythonVersion.PY_311,
        target_pydantic_version=TargetPydanticVersion.V2_14,
        disable_timestamp=True,
        use_standard_collections=True,
        use_union_operator=True,
        enum_field_as_literal=LiteralType.All,
        use_annotated=True,
        field_constraints=True,
        use_schema_description=True,
        use_tuple_for_fixed_items=True,
        use_missing_sentinel=is_pydantic,
        use_msgspec_tagged_unions=not is_pydantic,
        allow_population_by_field_name=True,
    )
    text = _run(dcg, source, config, language)
    return text.replace(_BY_NAME, f"{_BY_NAME}\n        {_BY_ALIAS}") if is_pydantic else text


def _run(dcg: Any, source: Source, config: Any, language: str) -> str:
    """Generate; a warning is the generator's word that the models would not do what the schema says."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            made = dcg.generate(json.dumps(source.schema, sort_keys=True), config=config)
        except dcg.Error as error:
            raise _unsupported(source, language, str(error)) from None
    told = [str(one.message) for one in said if issubclass(one.category, UserWarning)]
    if told:
        raise _unsupported(source, language, told[0])
    if not isinstance(made, str):
        raise _unsupported(source, language, "the schema gives no module of its own")
    return made.rstrip() + "\n"


def _unsupported(source: Source, language: str, detail: str) -> SchemaUnsupportedError:
    return SchemaUnsupportedError(f"{source.name!r} cannot be written for {language}", errors=[FieldError("", detail)])
