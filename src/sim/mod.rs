//! The simulator of both CRMs, reached only over a socket.
//!
//! It is written from the services' references, never from Ferry's client code, and shares no type with it:
//! requests are read as text and `serde_json::Value`, answers are built with `json!`. So a misspelt field in
//! the client is an error here and not twice the same mistake.

pub mod exchange;
pub mod generate;
pub mod nethunt;
