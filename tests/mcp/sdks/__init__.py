"""The official SDKs, old and new, each in an environment of its own, and what they are made to do."""
