//! Tests of the chain that finds credentials.

use camino::{Utf8Path, Utf8PathBuf};

use super::fake::{Fake, Reply};
use super::{LIMIT, client, config, place};
use crate::s3::Bucket;
use larder_core::Kind;
use larder_core::environment::Environment;
use larder_core::error::Result;
use larder_core::fs;

struct Home {
    _temp: tempfile::TempDir,
    path: Utf8PathBuf,
    fake: Fake,
}

impl Home {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temp.path().to_owned()).unwrap();
        let fake = Fake::start();
        fake.put("k", b"v");
        Self {
            _temp: temp,
            path,
            fake,
        }
    }

    fn file(&self, name: &str, text: &str) -> Utf8PathBuf {
        let path = self.path.join(name);
        fs::write_atomic(&path, text.as_bytes()).unwrap();
        path
    }

    /// The name of the key and the token that sign a request in this environment.
    fn signed(&self, variables: &[(&str, &str)]) -> Result<(String, String)> {
        let mut environment: Environment = variables.iter().copied().collect();
        environment.set("AWS_ENDPOINT_URL_S3", &self.fake.url);
        environment.set("AWS_CONFIG_FILE", self.path.join("config").as_str());
        environment.set(
            "AWS_SHARED_CREDENTIALS_FILE",
            self.path.join("credentials").as_str(),
        );
        environment.set("PATH", "/usr/bin:/bin");
        let bucket = Bucket::new(place(), &config(&environment), &client());
        self.fake.seen();
        bucket.get("k", LIMIT)?;
        let seen = self.fake.seen().pop().unwrap();
        let header = |name: &str| seen.headers.get(name).cloned().unwrap_or_default();
        let authorization = header("authorization");
        let id = authorization
            .split(['=', '/'])
            .nth(1)
            .unwrap_or_default()
            .to_owned();
        Ok((id, header("x-amz-security-token")))
    }
}

fn token(id: &str) -> Reply {
    let body = format!(
        "<R><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
         <SessionToken>t</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></R>"
    );
    (200, Vec::new(), body.into_bytes())
}

fn pair(id: &str, token: &str) -> (String, String) {
    (id.to_owned(), token.to_owned())
}

#[test]
fn variables_come_before_files() {
    let home = Home::new();
    assert_eq!(home.signed(&[]).unwrap(), pair("", ""));
    home.file("config", "[default]\nregion = eu-west-1\n[profile ci]\naws_access_key_id = CI\naws_secret_access_key = s\n");
    home.file(
        "credentials",
        "[default]\naws_access_key_id = FILE\naws_secret_access_key = s\n",
    );
    assert_eq!(home.signed(&[]).unwrap(), pair("FILE", ""));
    assert_eq!(
        home.signed(&[("AWS_PROFILE", "ci")]).unwrap(),
        pair("CI", "")
    );
    let keys = [
        ("AWS_ACCESS_KEY_ID", "ENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
        ("AWS_SESSION_TOKEN", "t"),
    ];
    assert_eq!(home.signed(&keys).unwrap(), pair("ENV", "t"));
    let error = home.signed(&[("AWS_PROFILE", "none")]).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

#[cfg(unix)]
#[test]
fn a_program_of_the_profile_gives_credentials_that_nobody_sees() {
    let home = Home::new();
    let document =
        r#"{"Version":1,"AccessKeyId":"PROG","SecretAccessKey":"hunter2","SessionToken":"t"}"#;
    let file = home.file("document", document);
    home.file(
        "config",
        &format!("[default]\ncredential_process = cat {file}\n"),
    );
    assert_eq!(home.signed(&[]).unwrap(), pair("PROG", "t"));
    home.file("document", "hunter2");
    let error = home.signed(&[]).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    home.file(
        "config",
        "[default]\nsso_start_url = https://acme.example\n",
    );
    let error = home.signed(&[]).unwrap_err();
    assert!(
        error.hints().join("\n").contains("export-credentials"),
        "{error:?}"
    );
}

#[test]
fn a_role_is_taken_with_the_token_of_a_workflow_or_a_source_profile() {
    let home = Home::new();
    let file = home.file("token", "header.payload.signature\n");
    let role = |file: &Utf8Path| {
        [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_string()),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/ci".to_owned()),
            ("AWS_ENDPOINT_URL_STS", home.fake.url.clone()),
        ]
    };
    let role = role(&file);
    let role: Vec<(&str, &str)> = role
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    home.fake.state().script.push_back(token("ROLE"));
    assert_eq!(home.signed(&role).unwrap(), pair("ROLE", "t"));

    home.file(
        "config",
        "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\n[profile base]\n\
         aws_access_key_id = BASE\naws_secret_access_key = s\n[profile loop]\nrole_arn = a\n\
         source_profile = loop\n",
    );
    home.fake.state().script.push_back(token("TAKEN"));
    assert_eq!(home.signed(&role[2..]).unwrap(), pair("TAKEN", "t"));
    let error = home.signed(&[("AWS_PROFILE", "loop")]).unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
}

#[test]
fn containers_and_machines_give_credentials() {
    let home = Home::new();
    let document = |id: &str| -> Reply {
        let text = format!(r#"{{"AccessKeyId":"{id}","SecretAccessKey":"s","Token":"t"}}"#);
        (200, Vec::new(), text.into_bytes())
    };
    let uri = format!("{}/creds", home.fake.url);
    home.fake.state().script.push_back(document("ECS"));
    let container = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.as_str())];
    assert_eq!(home.signed(&container).unwrap(), pair("ECS", "t"));
    let text = |text: &str| -> Reply { (200, Vec::new(), text.as_bytes().to_vec()) };
    home.fake
        .state()
        .script
        .extend([text("token"), text("role"), document("EC2")]);
    let machine = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", home.fake.url.as_str())];
    assert_eq!(home.signed(&machine).unwrap(), pair("EC2", "t"));
    let off = [machine[0], ("AWS_EC2_METADATA_DISABLED", "true")];
    assert_eq!(home.signed(&off).unwrap(), pair("", ""));
}
