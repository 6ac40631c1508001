"""Pages about a whole study that people open in a browser."""
