//! `larder publish` to every channel at once, with [`World`](crate::publish::world::World) around it.

mod faults;
mod kill;
mod secrets;
