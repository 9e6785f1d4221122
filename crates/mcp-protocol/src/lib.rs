//! JSON-RPC and MCP types for every revision, as pure data.
