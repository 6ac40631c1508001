"""The columns of every result table: name, kind, meaning, unit. Imports nothing heavy.

Code that writes, formats, draws or interprets a table takes its columns from here, so that each
list of columns exists once. Columns that several tables share are in `shared`.
"""
