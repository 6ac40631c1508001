"""The methods paragraph, written from the config, and the references that it cites."""
