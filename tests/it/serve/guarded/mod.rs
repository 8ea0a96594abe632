//! Who may do what: tokens, limits, TLS, and what is audited.

pub mod access;
mod audit;
mod limits;
mod tls;
