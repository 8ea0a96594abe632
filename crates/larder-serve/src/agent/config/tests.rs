//! Reading the configuration.

use super::*;

const CONTRACT: &str = r#"
[agent]
agent_id = "agent-1"
master_host = "127.0.0.1:7000"        # gRPC
platform = "process"
auto_download_binary = true
channel = "stable"
token_file = "token"
[storage]
name = "storage-server"
binary_path = ""
master_binary_url = "http://127.0.0.1:7001"
data_dir = "agent-data"
args = ["--port", "9000"]
health = {http = "http://127.0.0.1:9000/health", interval = "2s", grace = "10s", passes = 3, failures = 3}
"#;

fn parse(text: &str) -> Result<Config> {
    Config::parse(Utf8Path::new("/etc/larder/agent.toml"), text)
}

#[test]
fn the_documented_file_is_read() {
    let config = parse(CONTRACT).unwrap();
    assert_eq!(config.data_dir, "/etc/larder/agent-data");
    assert_eq!(
        config.token_file.as_deref(),
        Some("/etc/larder/token".into())
    );
    assert_eq!(config.wanted, Wanted::Channel("stable".into()));
    assert_eq!((config.binary_path, config.args.len()), (None, 2));
    let health = config.health.unwrap();
    assert_eq!((health.passes, health.grace), (3, Duration::from_secs(10)));
    let short = parse("[agent]\nagent_id = 'a'\n[storage]\n").unwrap();
    assert_eq!(short.name, "storage-server");
    assert_eq!((short.wanted, short.master_host), (Wanted::Latest, None));
}

#[test]
fn a_mistake_is_shown_at_its_place() {
    for (from, to, place, says, hint) in [
        (
            "channel =",
            "channels =",
            (7, 1),
            "there is no key `channels`",
            "did you mean `channel`?",
        ),
        (
            "platform = \"process\"",
            "platform = \"docker\"",
            (5, 12),
            "the platform `docker` is not known",
            "`process`",
        ),
        (
            "interval = \"2s\"",
            "interval = \"soon\"",
            (15, 61),
            "`soon`, which is no time",
            "`20s`",
        ),
        (
            "passes = 3",
            "passes = 0",
            (15, 91),
            "`passes` is 0",
            "at least 1",
        ),
        (
            "auto_download_binary = true",
            "auto_download_binary = false",
            (6, 1),
            "no `binary_path`",
            "set `binary_path`",
        ),
        (
            "127.0.0.1:7000\"",
            "127.0.0.1\"",
            (4, 15),
            "no host with a port",
            "127.0.0.1:7000",
        ),
        (
            "http://127.0.0.1:7001",
            "127.0.0.1:7001",
            (12, 21),
            "`master_binary_url`",
            "scheme",
        ),
        (
            "token_file",
            "version = \"1.0.0\"\ntoken_file",
            (8, 11),
            "both set",
            "keep one",
        ),
        (
            "\"storage-server\"",
            "\"storage server\"",
            (10, 8),
            "no name",
            "letters",
        ),
        ("[storage]", "[stor]", (9, 2), "no key `stor`", "known"),
        ("agent_id = \"agent-1\"", "", (2, 1), "`agent_id`", ""),
        ("\"agent-1\"", "agent-1", (3, 12), "", ""),
    ] {
        let text = CONTRACT.replacen(from, to, 1);
        assert_ne!(text, CONTRACT, "{from}");
        let error = parse(&text).unwrap_err();
        let [problem] = error.file_problems() else {
            panic!("{from}: {error}");
        };
        assert_eq!(problem.line_column(), place, "{from}: {error}");
        assert!(problem.message.contains(says), "{from}: {error}");
        let found = problem.hint.as_deref().unwrap_or_default();
        assert!(found.contains(hint), "{from}: {error}");
    }
}
