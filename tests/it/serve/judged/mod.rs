//! The server beside nginx and curl, under load, and against hostile clients.

mod hostile;
mod load;
mod nginx;
mod sessions;
