"""The family that a plugin file states, read without running it.

Apart from `plugins`, which jobs import: nothing here decides a map.
"""

import ast


def stated_family(tree: ast.Module) -> str | None:
    """Give the family that a plugin file states in a line `family = "cam"`; None if none."""
    for node in tree.body:
        if states_family(node):
            return node.value.value
    return None


def states_family(node: ast.stmt) -> bool:
    """Say whether a statement of a plugin file is `family = "…"`."""
    return (
        isinstance(node, ast.Assign)
        and [getattr(target, "id", None) for target in node.targets] == ["family"]
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
