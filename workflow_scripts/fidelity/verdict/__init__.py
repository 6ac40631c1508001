"""The verdict of a study: one sentence per question, from the tables alone.

Nothing is measured or tested here. A sentence claims a difference only if the column `conclusion`
of the tables does. Only primary comparisons enter the headline.
"""
