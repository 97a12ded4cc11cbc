//! Ferry moves whole contact and record sets between CRMs and files.

pub mod account;
pub mod cli;
pub mod config;
pub mod connect;
pub mod error;
pub mod extract;
pub mod flow;
pub mod http;
pub mod load;
pub mod record;
pub mod report;
pub mod run;
pub mod sim;
pub mod stop;
pub mod transform;
