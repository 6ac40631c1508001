"""The paper folder: main table, main figure, methods and references."""
