//! The specification of the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;

use super::{Command, Keys, Listen, Settings, Token, command, parse};
use crate::clock::UnixTime;
use crate::command::keys::api_key::DEFAULT_LIFETIME;
use crate::command::token::mint::MintKey;
use crate::command::token::verify::VerifyKeys;
use crate::jose::Profile;
use crate::telemetry::LogTarget;
use crate::wire::forwarded::{Convention, TrustedProxies};

fn words(line: &str) -> Vec<&str> {
    std::iter::once("bearward").chain(line.split_whitespace()).collect()
}

fn settings(line: &str) -> Settings {
    match parse(words(line)).unwrap() {
        Command::Run { settings, .. } | Command::Serve { settings, .. } | Command::Demo { settings, .. } => settings,
        Command::Check { .. } | Command::Crds | Command::Token(_) | Command::Keys(_) => {
            panic!("{line} has no settings")
        }
    }
}

#[test]
fn the_command_line_is_consistent_in_itself() {
    command().debug_assert();
}

#[test]
fn every_command_and_flag_has_help() {
    fn check(command: &clap::Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(command.get_about().is_some(), "{path} has no help");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} {} has no help", argument.get_id());
        }
        for command in command.get_subcommands() {
            assert!(command.get_after_long_help().is_some(), "{path} {} has no examples", command.get_name());
            check(command, &path);
        }
    }
    check(&command(), "");
}

#[test]
fn every_flag_of_a_gateway_has_its_variable() {
    let command = command();
    for name in ["run", "serve", "demo"] {
        for argument in command.find_subcommand(name).unwrap().get_arguments() {
            let Some(long) = argument.get_long() else { continue };
            let variable = format!("BEARWARD_{}", long.to_uppercase().replace('-', "_"));
            assert_eq!(argument.get_env().and_then(|name| name.to_str()), Some(variable.as_str()), "{name} --{long}");
        }
    }
}

#[test]
fn defaults_differ_by_command() {
    for (line, http, probes, admin, delay) in [
        ("run", "0.0.0.0:8080", "0.0.0.0:9090", "127.0.0.1:9091", 5),
        ("serve a.yaml", "127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:9091", 0),
        ("demo", "127.0.0.1:8080", "127.0.0.1:9090", "127.0.0.1:9091", 0),
    ] {
        let settings = settings(line);
        let addresses = Listen::ALL.map(|listen| settings.address(listen).to_string());
        assert_eq!(addresses, [http, probes, admin], "{line}");
        assert_eq!(settings.shutdown_delay, Duration::from_secs(delay), "{line}");
        assert_eq!(settings.shutdown_grace, Duration::from_secs(20), "{line}");
        assert_eq!(settings.max_connections.get(), 65_536, "{line}");
        assert_eq!((&*settings.installation.class, settings.access_log), ("bearward", LogTarget::Stdout), "{line}");
        assert_eq!(
            (settings.installation.egress_allow, settings.trusted_proxies),
            (vec![], TrustedProxies::default()),
            "{line}"
        );
        assert!((1..=8).contains(&settings.threads.get()), "{line}");
    }
}

#[test]
fn flags_are_read_into_their_types() {
    let settings = settings(
        "serve a.yaml --http [::]:0 --probes [::1]:9090 --admin [::1]:9091 --threads 3 --max-connections 10 \
         --trusted-proxies 10.0.0.0/8,fd00::1 --proxy-headers forwarded --egress-allow 127.0.0.1:8443 --class internal \
         --access-log /tmp/log --log info,kube_client=warn --shutdown-delay 1m30s --shutdown-grace 500ms --ca-file ca.pem",
    );
    assert_eq!(settings.http, "[::]:0".parse().unwrap());
    assert_eq!((settings.threads.get(), settings.max_connections.get()), (3, 10));
    let proxies = ["10.0.0.0/8".parse().unwrap(), "fd00::1/128".parse().unwrap()];
    assert_eq!(settings.trusted_proxies, TrustedProxies::new(proxies, Convention::Rfc7239));
    assert_eq!(settings.installation.egress_allow, ["127.0.0.1:8443".parse().unwrap()]);
    assert_eq!(settings.access_log, LogTarget::File("/tmp/log".into()));
    assert_eq!((&*settings.installation.class, &*settings.log), ("internal", "info,kube_client=warn"));
    assert_eq!(settings.shutdown_delay, Duration::from_secs(90));
    assert_eq!(settings.shutdown_grace, Duration::from_millis(500));
    assert_eq!(settings.ca_file, Some("ca.pem".into()));
}

#[test]
fn the_access_log_goes_to_a_file_to_standard_output_or_nowhere() {
    for (value, expected) in [
        ("-", LogTarget::Stdout),
        ("none", LogTarget::Nowhere),
        ("./none", LogTarget::File("./none".into())),
        ("log.jsonl", LogTarget::File("log.jsonl".into())),
    ] {
        assert_eq!(settings(&format!("demo --access-log {value}")).access_log, expected, "{value}");
    }
}

#[test]
fn what_serve_reads_is_typed() {
    let Ok(Command::Serve { files, .. }) = parse(words("serve a.yaml conf --allow-readable-secrets")) else {
        panic!("serve is refused")
    };
    assert_eq!(files.paths, [PathBuf::from("a.yaml"), "conf".into()]);
    assert!(files.allow_readable_secrets);
}

#[test]
fn what_run_watches_is_typed() {
    let line = "run --namespaces shop,pay --service bearward --identity bearward-7d-x.a --pod-namespace edge";
    let Ok(Command::Run { cluster, .. }) = parse(words(line)) else { panic!("run is refused") };
    assert_eq!(cluster.namespaces, ["pay".into(), "shop".into()]);
    assert_eq!(cluster.service.as_deref(), Some("bearward"));
    assert_eq!(&*cluster.pod, "bearward-7d-x.a");
    assert_eq!(cluster.pod_namespace.as_deref(), Some("edge"));
}

#[test]
fn a_demo_gives_way_only_at_ports_that_were_not_asked_for() {
    for (line, expected) in [
        ("demo", vec![Listen::Http, Listen::Probes, Listen::Admin]),
        ("demo --http 127.0.0.1:8080", vec![Listen::Probes, Listen::Admin]),
        ("demo --http 127.0.0.1:1 --probes 127.0.0.1:2 --admin 127.0.0.1:3", vec![]),
    ] {
        let Ok(Command::Demo { yielding, .. }) = parse(words(line)) else { panic!("{line} is refused") };
        assert_eq!(yielding, expected, "{line}");
    }
}

#[test]
fn what_cannot_be_meant_is_a_usage_error_that_says_what_was_expected() {
    for (line, expected) in [
        ("serve", "<PATH>..."),
        ("serve a.yaml a.yaml", "a.yaml is named twice"),
        ("serve a.yaml --http 8080", "expected an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080"),
        ("serve a.yaml --http localhost:8080", "expected an IP address and a port"),
        ("serve a.yaml --http ::1:8080", "expected an IP address and a port"),
        ("serve a.yaml --http 127.0.0.1:99999", "expected an IP address and a port"),
        ("serve a.yaml --http 127.0.0.1:1 --http 127.0.0.1:2", "cannot be used multiple times"),
        ("serve a.yaml --admin 0.0.0.0:9091", "--admin 0.0.0.0:9091 is not a loopback address"),
        ("serve a.yaml --admin [::]:9091", "is not a loopback address"),
        ("serve a.yaml --admin 10.0.0.1:9091", "is not a loopback address"),
        (
            "serve a.yaml --probes 127.0.0.1:8080",
            "--http 127.0.0.1:8080 and --probes 127.0.0.1:8080 are the same socket",
        ),
        ("serve a.yaml --probes 0.0.0.0:9091", "--probes 0.0.0.0:9091 and --admin 127.0.0.1:9091 are the same socket"),
        ("run --probes [::]:8080", "--http 0.0.0.0:8080 and --probes [::]:8080 are the same socket"),
        ("serve a.yaml --threads 0", "expected a whole number of at least 1"),
        ("serve a.yaml --threads -1", "unexpected argument '-1'"),
        ("serve a.yaml --max-connections 0", "expected a whole number of at least 1"),
        ("serve a.yaml --trusted-proxies 10.0.0.1/8", "has bits beyond its prefix; write 10.0.0.0/8 or 10.0.0.1"),
        ("serve a.yaml --trusted-proxies proxy.example.com", "expected a network or an address"),
        ("serve a.yaml --trusted-proxies 10.0.0.1,10.0.0.1/32", "--trusted-proxies has 10.0.0.1/32 twice"),
        ("serve a.yaml --egress-allow 10.0.0.0/33", "expected a network such as 10.20.0.0/16"),
        ("serve a.yaml --egress-allow 10.0.0.0/8,10.0.0.0/8", "--egress-allow has 10.0.0.0/8 twice"),
        ("serve a.yaml --proxy-headers both", "possible values"),
        ("serve a.yaml --class Internal", "expected lower-case letters, digits and inner hyphens"),
        ("serve a.yaml --log verbose", "expected error, warn, info, debug or trace"),
        ("serve a.yaml --log info,kube=", "expected error, warn, info, debug or trace"),
        ("serve a.yaml --log info,,kube=warn", "expected error, warn, info, debug or trace"),
        ("serve a.yaml --log =warn", "expected error, warn, info, debug or trace"),
        ("serve a.yaml --shutdown-grace 30", "expected a duration in h, m, s and ms, such as 30s or 1m30s"),
        ("serve a.yaml --shutdown-delay -1s", "unexpected argument '-1'"),
        ("serve a.yaml --namespaces shop", "unexpected argument"),
        ("run a.yaml", "unexpected argument"),
        ("run --namespaces shop,shop", "--namespaces has shop twice"),
        ("run --namespaces shop_1", "expected lower-case letters, digits and inner hyphens"),
        ("run --identity pod..a", "expected lower-case letters, digits, and inner hyphens and dots"),
        ("run --allow-readable-secrets", "unexpected argument"),
        ("demo --http 0.0.0.0:8080", "--http 0.0.0.0:8080 is not a loopback address; the demo hands out tokens"),
        ("demo --probes [::]:9090", "--probes [::]:9090 is not a loopback address"),
        ("demo routes.yaml", "unexpected argument"),
        ("check", "<PATH>..."),
        // A flag that was given does not look like one that must be.
        ("serve --http 127.0.0.1:1", "Usage: bearward serve [OPTIONS] <PATH>..."),
        ("check --class other", "Usage: bearward check [OPTIONS] <PATH>..."),
        ("check a.yaml a.yaml", "a.yaml is named twice"),
        ("check a.yaml --http 127.0.0.1:1", "unexpected argument"),
        ("crds --http 127.0.0.1:1", "unexpected argument"),
        ("crd", "unrecognized subcommand"),
        ("token mint --issuer i --audience a", "<--key <FILE>|--new-key <FILE>|--secret <FILE>>"),
        ("token mint --key k --secret s --issuer i --audience a", "cannot be used with"),
        ("token mint --key k --audience a", "--issuer <URL>"),
        ("token mint --key k --issuer i", "--audience <NAMES>"),
        ("token mint --key k --issuer i --audience a --algorithm es256", "expected one of HS256, HS384"),
        ("token mint --key k --issuer i --audience a --claim tenant", "expected NAME=JSON"),
        ("token mint --key k --issuer i --audience a --claim a=1 --claim a=2", "--claim has a twice"),
        ("token inspect eyJhbGciOiJFUzI1NiJ9", "unexpected argument"),
        ("token verify --key-set k --issuer i --audience a --profile rfc9068", "possible values"),
        ("token verify --secret s --issuer i --audience a", "--secret needs one --algorithm"),
        ("keys generate", "Usage: bearward keys generate <COMMAND>"),
        ("keys generate api-key", "--owner <NAME>"),
        ("keys generate api-key --owner o --label team", "expected NAME=VALUE"),
        ("keys generate api-key --owner o --label a=1 --label a=2", "--label has a twice"),
        ("keys generate api-key --owner o --not-before tomorrow", "expected a time such as 2027-01-31T00:00:00Z"),
        ("keys generate client-secret", "--name <NAME>"),
        ("keys generate client-secret --name Batch", "lower-case letters"),
        ("keys generate client-secret --name batch --lifetime 90d", "expected a duration in h, m, s and ms"),
        ("keys generate client-secret --name batch bws_x", "unexpected argument"),
        ("keys generate signing", "--private-key <FILE>"),
        ("keys hash bw_key", "unexpected argument"),
    ] {
        let error = parse(words(line)).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.exit_code(), 2, "{line}: {text}");
        assert!(text.contains(expected), "{line}: {text}");
    }
}

#[test]
fn what_a_token_is_to_say_is_typed() {
    let line = "token mint --new-key k.pem --issuer https://i --audience a,b --scope x,y --lifetime 1h --claim n=1 \
                --claim tenant=acme --claim jti=null --type JWT";
    let Ok(Command::Token(Token::Mint(args))) = parse(words(line)) else { panic!("mint is refused") };
    assert!(matches!(&args.key, MintKey::New(path) if path == "k.pem"));
    assert_eq!((args.audiences.len(), args.scopes.len(), &*args.typ), (2, 2, "JWT"));
    assert_eq!((&*args.subject, &*args.client), ("test", "bearward-token"));
    assert_eq!(args.lifetime, Duration::from_hours(1));
    assert_eq!(serde_json::Value::from(args.claims), serde_json::json!({"n": 1, "tenant": "acme", "jti": null}));
}

#[test]
fn what_a_token_is_judged_by_is_typed() {
    let line = "token verify --secret s --algorithm HS256 --issuer https://i --audience a --profile Generic";
    let Ok(Command::Token(Token::Verify(args))) = parse(words(line)) else { panic!("verify is refused") };
    assert!(matches!(args.keys, VerifyKeys::Secret(..)));
    assert_eq!((args.profile, args.leeway), (Profile::Generic, Duration::from_secs(30)));
    assert_eq!((args.max_lifetime, args.max_age), (Some(Duration::from_hours(24)), None));
}

#[test]
fn what_a_key_is_good_for_is_typed() {
    let line = "keys generate api-key --owner batch --label team=shop --not-before 2027-01-31T00:00:00Z";
    let Ok(Command::Keys(Keys::GenerateApiKey(args))) = parse(words(line)) else { panic!("api-key is refused") };
    assert_eq!(args.lifetime, DEFAULT_LIFETIME);
    assert_eq!(args.labels, [("team".to_owned(), "shop".to_owned())]);
    assert_eq!(args.not_before, Some(UnixTime::from_secs(1_801_353_600)));
}

#[test]
fn how_long_a_clients_secret_is_good_is_typed() {
    let typed = |line: &str| match parse(words(line)) {
        Ok(Command::Keys(Keys::GenerateClientSecret(args))) => (args.name, args.namespace, args.lifetime),
        other => panic!("{line}: {other:?}"),
    };
    let name = || "batch-client".to_owned();
    assert_eq!(typed("keys generate client-secret --name batch-client"), (name(), None, None));
    assert_eq!(
        typed("keys generate client-secret --name batch-client --namespace shop --lifetime 1h"),
        (name(), Some("shop".to_owned()), Some(Duration::from_hours(1))),
    );
}

#[test]
fn help_and_version_are_no_errors() {
    for (line, kind) in [
        ("--help", ErrorKind::DisplayHelp),
        ("serve --help", ErrorKind::DisplayHelp),
        ("--version", ErrorKind::DisplayVersion),
    ] {
        let shown = parse(words(line)).unwrap_err();
        assert_eq!((shown.kind(), shown.exit_code()), (kind, 0), "{line}");
    }
}
