"""The study page: one HTML file that answers the question of a study, made from its tables."""
