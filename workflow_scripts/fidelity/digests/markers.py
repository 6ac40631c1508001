"""Annotations that digests understand; import them under `if TYPE_CHECKING`."""

from typing import TypeAlias

# A parameter or field with a text for readers.
Description: TypeAlias = str
# A constant, or what a function returns, that only messages show.
Message: TypeAlias = str
