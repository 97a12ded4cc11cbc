//! The services: the only place that knows a CRM's name.

pub mod nimble;
