"""Annotations with a meaning for digests; import them under `if TYPE_CHECKING`."""

from typing import TypeAlias

# A parameter or field whose text is only for readers.
Description: TypeAlias = str
# A constant or return value that only messages show.
Message: TypeAlias = str
