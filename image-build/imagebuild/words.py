"""What stops a build, in one sentence that says what to do."""


class BuildStopped(Exception):  # named for what happened
    """The sentence is for the person who typed `make image`."""
