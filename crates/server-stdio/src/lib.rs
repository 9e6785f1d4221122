//! mcp-python-stdio: the server on standard input and output.
