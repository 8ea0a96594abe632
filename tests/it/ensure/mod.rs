//! `larder ensure`: where a binary comes from, when nothing is done, and what happens when something goes wrong.

mod bare;
pub mod damage;
mod disk;
mod dry_run;
mod fast_path;
mod key;
mod noop;
pub mod parallel;
mod source_answers;
mod timings;
mod upgrade;
