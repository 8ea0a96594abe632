//! Tells a service manager how the server is (`sd_notify(3)`).

use std::sync::Arc;

/// The socket of the service manager, if there is one.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    socket: Option<Arc<str>>,
}

impl Manager {
    /// The manager whose socket the variable `NOTIFY_SOCKET` names.
    pub fn new(socket: Option<&str>) -> Self {
        Self {
            socket: socket.map(Into::into),
        }
    }

    /// Whether there is a manager.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Tells it something. A manager that does not listen must not hinder the server.
    #[cfg(unix)]
    pub fn tell(&self, state: &str) {
        use std::os::unix::net::UnixDatagram;
        let Some(name) = self.socket.as_deref() else {
            return;
        };
        let Ok(socket) = UnixDatagram::unbound() else {
            return;
        };
        let _ = socket.set_nonblocking(true);
        #[cfg(target_os = "linux")]
        if let Some(abstract_name) = name.strip_prefix('@') {
            use std::os::linux::net::SocketAddrExt;
            use std::os::unix::net::SocketAddr;
            if let Ok(address) = SocketAddr::from_abstract_name(abstract_name) {
                let _ = socket.send_to_addr(state.as_bytes(), &address);
            }
            return;
        }
        let _ = socket.send_to(state.as_bytes(), name);
    }

    /// Tells it something.
    #[cfg(not(unix))]
    pub fn tell(&self, _: &str) {}
}
