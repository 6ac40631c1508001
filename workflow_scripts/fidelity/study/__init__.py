"""A loaded config with its combinations (`study`) and the path of each result (`paths`)."""
