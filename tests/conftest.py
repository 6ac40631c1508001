"""Settings of all tests."""

from hypothesis import settings

# No test fails because a machine is busy.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
