//! mcp-python-sse: the server over HTTP.
