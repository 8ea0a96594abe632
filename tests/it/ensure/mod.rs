//! `larder ensure`: where a binary comes from, when nothing is done, and what happens when something goes wrong.

mod damage;
mod dry_run;
mod key;
mod noop;
mod parallel;
mod source_answers;
mod upgrade;
