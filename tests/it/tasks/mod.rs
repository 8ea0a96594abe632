//! `larder run` and `larder ci`: tasks with their services, and the list of what CI does.

mod ci;
mod run;
#[cfg(target_os = "linux")]
mod services;

#[cfg(target_os = "linux")]
use crate::env::TestEnv;

const TASKS: &str = r#"sources: [build]
tasks:
  greet:
    desc: Write a greeting
    needs: [ensure tool]
    env: {TO: greeting.txt}
    commands: ["tool > $TO", "echo wrote $TO"]
  count:
    needs: [greet, run greet]
    commands: ["wc -w < greeting.txt > count.txt"]
    status: ["test -s count.txt", "tool"]
  broken: {desc: Fails in the middle, commands: [echo one, exit 7, echo two]}
  after: {needs: [broken], commands: [touch after.txt]}
  badly: {needs: [ensure tool --platfrom=x], commands: [touch badly.txt]}
"#;

fn project() -> TestEnv {
    let env = TestEnv::new();
    env.script_subsystem("tool", "v1.2.3");
    let versions = env.read("versions.yml");
    env.write("versions.yml", versions + TASKS);
    env
}
