"""A host of MCP Apps as small as it can be, built on AppBridge of the official package, and its server."""
