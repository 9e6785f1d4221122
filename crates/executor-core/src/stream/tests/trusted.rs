//! The certificates that a sandbox trusts besides its image's own, and what one sandbox makes of them for others.

use std::time::Duration;

use super::hostile::{connect_in, failure, json, ready};
use super::local::Local;
use crate::stream::frame::Frame;
use crate::stream::{LinkSettings, RunCommand, StreamError, Surroundings};

#[tokio::test]
async fn what_is_made_of_certificates_is_told_once_and_before_anything_foreign() {
    let told = |text: &str| Frame::Trusted(json(text));
    let good = || told(r#"{"source":null,"database":{"cert9.db":"eJw="},"problem":null}"#);
    let with = || Surroundings::of(0, "/tmp").extra_certificates("PEM".to_owned());
    let (_fake, booted) = connect_in(&with(), LinkSettings::default(), &[ready(), good()]).await;
    let mut link = booted.unwrap();
    let given = async {
        loop {
            if let Some(trusted) = link.take_trusted() {
                break trusted;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), given)
        .await
        .unwrap();
    assert_eq!(link.take_trusted(), None);

    let out_of_order = StreamError::OutOfOrder("Trusted");
    let without = Surroundings::of(0, "/tmp");
    for (surroundings, said, failed) in [
        (with(), vec![good(), good()], out_of_order.clone()),
        (without, vec![good()], out_of_order),
        (
            with(),
            vec![told(r#"{"source":null,"database":{"../a":"eJw="}}"#)],
            StreamError::OutOfRange("database"),
        ),
    ] {
        let (mut fake, booted) =
            connect_in(&surroundings, LinkSettings::default(), &[ready()]).await;
        fake.say(&said).await;
        link = booted.unwrap();
        assert_eq!(failure(&mut link).await, failed);
    }
    // One that had no luck leaves it to the next.
    let lost = told(r#"{"lost":"no process","problem":"no process"}"#);
    let (mut fake, booted) = connect_in(&with(), LinkSettings::default(), &[ready()]).await;
    fake.say(&[lost, good()]).await;
    link = booted.unwrap();
    assert_eq!(failure(&mut link).await, StreamError::OutOfOrder("Trusted"));
    assert_eq!(link.take_trusted(), None);
}

#[tokio::test]
async fn extra_certificates_reach_every_kind_of_client() {
    let state = tempfile::tempdir().unwrap();
    let pem = include_str!("authority.pem");
    let text = "import os, ssl, pathlib\n\
        names = ['SSL_CERT_FILE', 'REQUESTS_CA_BUNDLE', 'PIP_CERT', 'NODE_EXTRA_CA_CERTS', 'CURL_CA_BUNDLE']\n\
        print({os.environ[n] for n in names} == {os.environ['SSL_CERT_FILE']})\n\
        subjects = [dict(p[0] for p in c['subject']).get('commonName') for c in ssl.create_default_context().get_ca_certs()]\n\
        print('Test Authority' in subjects)\n\
        print((pathlib.Path.home() / '.pki/nssdb/cert9.db').exists())\n";
    let surroundings = |s: Surroundings| {
        s.state_dir(state.path().to_str().unwrap())
            .extra_certificates(pem.to_owned())
    };
    let mut local = Local::boot_with(surroundings).await;
    assert_trusted(&mut local, text).await;
    // What one has made is laid down by the next, and is the same.
    let made = local.link.take_trusted().unwrap();
    let mut other = Local::boot_with(|s| surroundings(s).trusted(Some(made))).await;
    assert_trusted(&mut other, text).await;
    assert_eq!(other.link.take_trusted(), None);
    let database = |local: &Local| {
        let directory = local.directory.path().join(".pki/nssdb");
        let files = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut files: Vec<_> = files
            .map(|file| (file.file_name(), std::fs::read(file.path()).unwrap()))
            .collect();
        files.sort();
        files
    };
    assert!(database(&local) == database(&other), "the databases differ");
}

/// The text is a program that says what it finds of the certificates.
async fn assert_trusted(local: &mut Local, text: &str) {
    // Whoever comes first finds them, whether there was time to make them before or not.
    let argv = [
        "python3",
        "-c",
        "import os; print(open(os.environ['PIP_CERT']).read().count('Test Auth') < 9)",
    ];
    let command = RunCommand::command(argv.map(str::to_owned).to_vec());
    local.send(local.surround(command), b"");
    assert_eq!(local.finish().await.unwrap().out(), "True\n");
    local.send(local.program(text), text.as_bytes());
    let run = local.finish().await.unwrap();
    // Without libnss3 the note says so; both are right, one of them has to be.
    let database = if run.notes.is_empty() {
        "True"
    } else {
        "False"
    };
    assert_eq!(
        (run.out(), run.err()),
        (format!("True\nTrue\n{database}\n").as_str(), "")
    );
    assert!(
        run.notes
            .iter()
            .all(|n| n.contains("Chromium") && n.contains("libnss3.so is not in the image")),
        "{:?}",
        run.notes
    );
}
