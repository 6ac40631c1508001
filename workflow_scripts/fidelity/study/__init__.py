"""A loaded config that knows its combinations (`study`) and where each result is (`paths`)."""
