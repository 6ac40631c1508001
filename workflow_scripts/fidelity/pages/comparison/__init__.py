"""Compare two finished studies: scores joined by case, and what differs between the studies."""
