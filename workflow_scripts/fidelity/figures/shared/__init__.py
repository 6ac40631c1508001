"""What figures share: one look, and the scores that several read."""
