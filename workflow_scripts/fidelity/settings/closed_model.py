"""Shared parts of all config sections: closed models, types of values, one-sentence errors.

The text below a field describes it. `documentation` reads these texts only where they are needed
(key tables, editors, errors), so that they cost no time when Snakemake parses the workflow.
"""

import datetime
import difflib
import os
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import core_schema

from fidelity.base.errors import InputError
from fidelity.base.suggestions import suggestion

# Pydantic's search for plugins would read about every installed package, and none is used.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

Item = TypeVar("Item")
Model = TypeVar("Model", bound="Section")
# Pydantic's names of the mistakes that are reported before all others of a section.
_FIRST = {"extra_forbidden": 0, "invalid_key": 0, "missing": 1}


def _whole(value: Any) -> Any:
    """Convert a float such as 1000.0 to the integer 1000, as JSON Schema does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _unique(values: list[Any]) -> list[Any]:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise InputError(f"{value!r} occurs twice", remedy="Name it once")
    return values


def _folder_name(key: str) -> str:
    if len(key) > 60 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.+-]*", key):
        raise InputError(
            "cannot be a folder's name",
            remedy="Use letters, digits, '_', '.', '+' and '-', at most 60 characters",
        )
    return key


Key = Annotated[str, AfterValidator(_folder_name)]
Unique = Annotated[
    list[Item], AfterValidator(_unique), Field(json_schema_extra={"uniqueItems": True})
]
Integer = Annotated[int, BeforeValidator(_whole)]
Natural = Annotated[Integer, Ge(0)]
Count = Annotated[Integer, Ge(1)]
# Keeps the written form: 1 stays an integer. Snakemake decides about reruns by the `repr` of a
# param.
Number = int | float
NonNegative = Annotated[Number, Ge(0)]
Positive = Annotated[Number, Gt(0)]
Share = Annotated[Number, Ge(0), Le(1)]
PositiveShare = Annotated[Number, Gt(0), Le(1)]
InnerShare = Annotated[Number, Gt(0), Lt(1)]
Split = Literal["train", "val", "test"]


def written_as(pattern: str, words: str, longest: int | None = None) -> Any:
    """Restrict a text to a pattern; messages and key tables describe it with these words."""
    return Field(pattern=pattern, max_length=longest, json_schema_extra={"expected": words})


# Excluded from `model_dump`, so that jobs that compute do not see titles or rerun when they change.
Title = Annotated[
    Annotated[
        str,
        written_as(
            r"^[^\s{}]([^\n\t{}]*[^\s{}])?$",
            "text (at most 60 characters, no braces)",
            longest=60,
        ),
    ]
    | None,
    Field(exclude=True),
]

# Marks a key without an effect. No key table lists it, but configs and units with it stay valid.
UNUSED = Field(json_schema_extra={"deprecated": True})
Colour = Annotated[str, written_as(r"^#[0-9A-Fa-f]{6}$", 'colour such as "#ff0000"')]


class Section(BaseModel):
    """Keys of one part of the config; other keys are an error."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        defer_build=True,
        validate_by_alias=True,
        validate_by_name=True,
        serialize_by_alias=True,
    )

    @model_validator(mode="wrap")
    @classmethod
    def _in_one_sentence(cls, value: Any, handler: Any) -> Any:
        """Raise the first mistake as an InputError, with its field relative to the section."""
        if not isinstance(value, dict | cls):
            raise InputError("is not a mapping", remedy=_description(cls))
        try:
            return handler(value)
        except ValidationError as error:
            raise _worded(cls, error.errors(include_url=False), value) from None

    @classmethod
    def of_job(cls, params: Mapping[str, Any]) -> Self:
        """Return the entry that a rule passes to its script; it has been checked at loading.

        Args:
            params: some or all keys of the entry; other keys are ignored. A job sees only the keys
                that its rule passes: any other key has no attribute, not even its default.
        """
        fields = {field.alias or name: (name, field) for name, field in cls.model_fields.items()}
        given = {
            name: _section(field.annotation, params[key])
            for key, (name, field) in fields.items()
            if key in params
        }
        made = cls.model_construct(set(given), **given)
        for name in cls.model_fields.keys() - given:
            # Keys with `exclude_if` are passed only if they are set; otherwise their default
            # applies.
            if cls.model_fields[name].exclude_if is None:
                made.__dict__.pop(name, None)
        return made

    @classmethod
    def key_names(cls) -> list[str]:
        """Return the keys of the section in a config."""
        return [field.alias or name for name, field in cls.model_fields.items()]


class Entry(Section):
    """A section whose keys depend on one of them, such as `method`.

    If a subclass names that key, the key selects one of its own subclasses for validation. It
    matches by a Literal or by a prefix of the text (`plugin:`).
    """

    chosen_by: ClassVar[str]
    entry_name: ClassVar[str]
    usual: ClassVar[str | None] = None

    @classmethod
    def kinds(cls) -> dict[str, type[Self]]:
        """Return {value of the key: model}, including the models below intermediate classes."""
        found = {}
        for model in cls.__subclasses__():
            field = model.model_fields[cls.chosen_by]
            if get_origin(field.annotation) is Literal:
                found[get_args(field.annotation)[0]] = model
            elif field.metadata:  # matched by a pattern
                found["plugin"] = model
            else:
                found |= model.kinds()
        return found

    @classmethod
    def chosen(cls, value: Any) -> Self:
        """Validate the value with the model that its key selects."""
        if isinstance(value, cls):
            return value
        key, kinds = cls.chosen_by, cls.kinds()
        if not isinstance(value, dict):
            raise InputError("is not a mapping", remedy=f"Write {{{key}: …}}")
        name = value.get(key, cls.usual)
        if name is None:
            raise InputError("is missing", field=key, remedy=f"Known: {', '.join(kinds)}")
        if isinstance(name, str) and name.startswith("plugin:") and "plugin" in kinds:
            return checked(kinds["plugin"], value)
        if not isinstance(name, str) or name == "plugin" or name not in kinds:
            raise InputError(
                f"unknown {cls.entry_name} {key} {name!r}",
                field=key,
                remedy=suggestion(name, kinds),
            )
        return checked(kinds[name], value)

    @classmethod
    def of_job(cls, params: Mapping[str, Any]) -> Self:
        """Return the entry that a rule passes to its script; see `Section.of_job`.

        Without the key that selects the model, the entry has only the keys that all kinds share.
        """
        kind = cls.kinds().get(params.get(cls.chosen_by)) if "chosen_by" in vars(cls) else None
        return super().of_job(params) if kind is None else kind.of_job(params)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> Any:
        """Leave the choice of the model to `chosen`, so that only used models are built."""
        if "chosen_by" not in vars(cls):
            return handler(source)
        return core_schema.no_info_plain_validator_function(
            cls.chosen, metadata={"pydantic_js_functions": [lambda *_: {"entry": cls.__name__}]}
        )


def _section(annotation: Any, value: Any) -> Any:
    """Convert the sections inside a value to models; other values stay as they were loaded."""

    def holds_sections(kind: Any) -> bool:
        own = isinstance(kind, type) and issubclass(kind, Section)
        return own or any(map(holds_sections, get_args(kind)))

    if not holds_sections(annotation):
        return value
    return TypeAdapter(annotation).validate_python(value)


def checked(model: type[Model], value: Any) -> Model:
    """Validate a section of the config.

    Raises:
        InputError: the first mistake, with its `field` relative to the section.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise error.errors(include_url=False)[0]["ctx"]["error"] from None


def join(*parts: str | None) -> str:
    """Join the parts of a field's name; empty parts are skipped."""
    return ".".join(part for part in parts if part)


def _worded(model: type[Section], errors: Sequence[Any], value: dict) -> InputError:
    """Choose the first mistake of a section, and state the problem, the place and the remedy."""
    first = min(errors, key=lambda e: _FIRST.get(e["type"], 2) if len(e["loc"]) == 1 else 2)
    location, kind = first["loc"], first["type"]
    if kind == "extra_forbidden":
        known = suggestion(location[0], model.key_names(), "Known keys")
        return InputError("is not a known key", field=str(location[0]), remedy=known)
    if kind == "missing":
        near = difflib.get_close_matches(location[0], list(map(str, value)), n=1)
        hint = f" (is {near[0]!r} a misspelling of it?)" if near else ""
        return InputError(
            f"is missing{hint}", field=location[0], remedy=_description(model, location[0])
        )
    for error in errors:  # for a union: the error of the member that checked the value inside
        inner = (error.get("ctx") or {}).get("error")
        if isinstance(inner, InputError) and error["loc"][:1] == location[:1]:
            steps = _steps(value, error["loc"])[0]
            field = join(_path(steps), inner.field)
            return InputError(inner.problem, field=field or None, remedy=inner.remedy)
    steps, found = _steps(value, location)
    not_text = [e for e in errors if e["loc"][:1] == location[:1] and e["loc"][-1] == "[key]"]
    if kind == "invalid_key" or not_text:
        key = not_text[0]["input"] if not_text else location[0]
        return InputError(
            f"YAML reads a key as {read_as(key) or repr(key)}, not as text",
            field=_path(steps[:-1] if location[-1] == "[key]" else steps) or None,
            remedy=f"Put it in quotes, as in {quoted(key)}",
        )
    if kind == "string_type" and read_as(found) is not None:
        return InputError(
            f"YAML reads this value as {read_as(found)}, not as text",
            field=_path(steps),
            remedy=f"Put it in quotes, as in {quoted(found)}",
        )
    from fidelity.settings import documentation

    rule = documentation.rule_at(model, steps)
    if allowed := documentation.choices(rule):
        remedy = suggestion(found, allowed, "Allowed")
        return InputError(f"{_shown(found)} is not allowed", field=_path(steps), remedy=remedy)
    return InputError(
        f"{_shown(found)} is not allowed; expected: {documentation.values(rule, quote='')}",
        field=_path(steps),
        remedy=_description(model, str(steps[0])),
    )


def _steps(value: Any, location: Sequence[Any]) -> tuple[list[Any], Any]:
    """Follow an error's location into the value, as far as it consists of keys and indices.

    Returns:
        The keys and indices, and the value there. After them, pydantic's location names the members
        of a union.
    """
    steps = []
    for part in location:
        inside = part in value if isinstance(value, dict) else False
        if isinstance(value, list) and isinstance(part, int):
            inside = part < len(value)
        if not inside:
            break
        steps.append(part)
        value = value[part]
    return steps, value


def _path(steps: Sequence[Any]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return text.removeprefix(".")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


def _description(model: type[Section], key: str | None = None) -> str | None:
    from fidelity.settings import documentation

    return documentation.description(model, key)


def read_as(value: Any) -> str | None:
    """State how YAML reads a word without quotes; None for text, lists and mappings.

    YAML 1.1 reads Yes and On as true, No and Off as false, and digits as a number.
    """
    if value is None:
        return "empty (null)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, datetime.date):
        return f"the date {value}"
    return None


def quoted(value: Any) -> str:
    """Return how a value is written as text in YAML."""
    if isinstance(value, bool):
        return '"Yes"' if value else '"No"'
    return '"null"' if value is None else f'"{value}"'
