//! The port for gRPC: what it is bound to, and what it says to others. `tests/oracles/grpc.sh` drives
//! the calls with a client that is not Rust.

use crate::serve::{Connection, Serving, machine};

#[test]
fn the_port_for_grpc_says_what_it_is() {
    let env = machine();
    let serving = Serving::start(&env, &[]);
    assert_ne!(serving.address, serving.grpc);
    let mut connection = Connection::open(serving.grpc).expect("connect");
    let detail = connection.send("GET", "/readyz", &[], b"").problem(415);
    assert!(detail.contains("gRPC"), "{detail}");
    let taken = serving.grpc.port().to_string();
    let args = ["serve", "--port", "0", "--grpc-port", &taken];
    let output = env.larder([&args[..], &["--data", "other"]].concat());
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("--grpc-port 0"), "{}", output.stderr);
    assert_eq!(serving.stop(), Some(0));
}
