//! A deterministic MCP server engine, its driver and its in-memory pair.
