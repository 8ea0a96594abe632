//! The server, as the agent sees it: where binaries come from (HTTP), and who says what to run
//! (gRPC, or questions over HTTP where there is none).

pub mod download;
pub mod grpc;
pub mod http;
pub mod poll;
