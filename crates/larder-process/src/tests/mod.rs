//! Tests of the rules that hold for every child, with programs that every system has.

mod service;
mod unix;
mod windows;
