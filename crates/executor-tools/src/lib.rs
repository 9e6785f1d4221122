//! `execute-python` as an MCP tool: parameters, schemas and rendering.
