use super::*;

#[test]
fn a_run_as_json_lines() {
    let (_dir, log) = log_file();
    let (out, messages) = (Sink::default(), Sink::default());
    let plain = Plain::new(
        messages.clone(),
        style(Paint::default(), false),
        Verbosity::Normal,
    );
    play(
        &mut Json::new(out.clone(), plain, Verbosity::Normal, true),
        &run(&log),
    );
    insta::assert_snapshot!(redact(out.text(), &log), @r#"
    {"event":"finished","action":"ensure","subsystem":"go","version":"v1.2.3","platform":"linux-amd64","outcome":"up-to-date","source":null,"bytes":0,"seconds":0.01,"error":null}
    {"event":"finished","action":"ensure","subsystem":"gh","version":"v1.2.3","platform":"linux-amd64","outcome":"up-to-date","source":null,"bytes":0,"seconds":0.01,"error":null}
    {"event":"finished","action":"ensure","subsystem":"nats","version":"v1.2.3","platform":"linux-amd64","outcome":"downloaded","source":"managed","bytes":45600000,"seconds":2.99,"error":null,"reason":"not installed","place":"https://host.example/acme/x/releases/download/nats-v1.2.3/nats-linux-amd64.tar.gz?token=***"}
    {"event":"finished","action":"ensure","subsystem":"telegraf","version":"v1.2.3","platform":"linux-amd64","outcome":"restored","source":"cache","bytes":680000,"seconds":0.2,"error":null}
    {"event":"finished","action":"ensure","subsystem":"arc","version":"v1.2.3","platform":"linux-amd64","outcome":"failed","source":"build","bytes":0,"seconds":125.0,"error":"cannot build arc: `cargo build` ended with exit status 101","error_kind":"failed","hints":["run it again with `-v` to watch the build"],"log":".larder/logs/arc.log"}
    {"event":"finished","action":"ensure","subsystem":"sync","version":"v1.2.3","platform":"linux-amd64","outcome":"skipped","source":null,"bytes":0,"seconds":0.01,"error":null,"reason":"arc failed"}
    {"event":"summary","ok":false,"counts":{"downloaded":1,"failed":1,"restored":1,"skipped":1,"up-to-date":2},"seconds":3.22}
    "#);
    let messages = messages.text();
    assert!(
        messages.starts_with("warning: arc: arc's inputs changed\n"),
        "{messages}"
    );
    assert!(
        messages.contains("\nerror: arc v1.2.3: cannot build arc\n"),
        "{messages}"
    );
    assert!(!messages.contains("ordinary"), "{messages}");
}
