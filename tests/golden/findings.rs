//! `docs/findings.md` and `docs/reasons.md` are what the code says of its findings and of refused credentials.

use std::fmt::Write as _;

use bearward::finding::Code;
use bearward::jose::Reason;

use crate::assert_file;

const FINDINGS: &str = "\
# Findings

What can be wrong with a resource. Each has a stable code, which status, logs, `bearward check` and the body of a 503
show; the message beside it says which field and value it is about. This file is written from the code.

";

const REASONS: &str = "\
# Why a credential was refused

The words in the field `reason` of the access log and in the label of `bearward_refusals_total`. A client is never told
them: it gets one and the same answer for every refused token. This file is written from the code. Both have other words
too, for what is no credential's fault: the code of a finding, or what is wrong with a request or became of its reply,
such as `no_route`, `head_too_large` or `client_left`.

";

#[test]
fn every_finding_is_explained() {
    let mut text = FINDINGS.to_owned();
    for code in Code::ALL {
        writeln!(text, "## {code}\n\n{}\n\n*Cure:* {}\n", code.cause(), code.cure()).unwrap();
    }
    assert_file("docs/findings.md", &format!("{}\n", text.trim_end()));
}

#[test]
fn every_reason_is_explained() {
    let mut text = format!("{REASONS}| reason | meaning |\n|---|---|\n");
    for reason in Reason::ALL {
        writeln!(text, "| `{reason}` | {} |", reason.meaning()).unwrap();
    }
    assert_file("docs/reasons.md", &text);
}
