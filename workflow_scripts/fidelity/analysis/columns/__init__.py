"""The columns of every result table: name, kind, meaning, unit. Imports nothing heavy.

What writes a table, formats it, draws it or concludes from it asks here, so that no list of columns
is listed twice. A column that several tables share is in `shared`.
"""
