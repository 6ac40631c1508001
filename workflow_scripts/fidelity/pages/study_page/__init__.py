"""The study page: one file that answers the question of a study; tables in, HTML out."""
