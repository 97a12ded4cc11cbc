//! Connectors: the only place that knows a CRM's name.

pub mod nethunt;
