"""Two finished studies side by side: joined by case, and what differs between them."""
