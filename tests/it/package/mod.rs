//! `larder package` and `larder bundle`.

mod bundle;
