//! `docs/findings.md` and `docs/reasons.md` are what the code says of its findings and of what became of requests.

use std::fmt::Write as _;

use bearward::finding::Code;
use bearward::jose::{ProofFault, Reason};
use bearward::telemetry::{Cause, Denial, Ending};

use crate::assert_file;

const FINDINGS: &str = "\
# Findings

What can be wrong with a resource. Each has a stable code, which status, logs, `bearward check` and the body of a 503
show; the message beside it says which field and value it is about. This file is written from the code.

";

const REASONS: &str = "\
# Why a request was refused

The words in the field `reason` of the access log and in the label `reason` of `bearward_refusals_total` and
`bearward_requests_broken_off_total`. This file is written from the code. Where a rule, or a part of it, is not in force,
the word is the code of the finding ([findings.md](findings.md)), and the answer a 503 with that code; where no keys can be
had because of one, it is the word too, and the code of the answer `keys_unavailable`.

";

const OF_CREDENTIALS: &str = "\
## Credentials

A client is never told these: it gets one and the same answer, 401 with the code `invalid_token`, for whatever is wrong
inside a token. Only `malformed_credentials` is a 400 with the code `invalid_request`. What a client of an issuer shows
for itself, a secret or an assertion, is refused with `invalid_client` (RFC 6749, section 5.2).

";

const OF_PROOFS: &str = "\
## Proofs

Why a DPoP proof was refused (RFC 9449, section 4.3). A client is told `invalid_dpop_proof`, whichever it is.

";

const OF_REQUESTS: &str = "\
## Requests

Why a request was refused for another reason than its credential or a finding. The code is in the body of the answer;
blame says who can mend it.

";

const OF_ISSUERS: &str = "\
## Endpoints of issuers

Why an endpoint of an issuer refused a request for another reason than a credential, a proof or a finding. The error is in
the body of the answer, as RFC 6749, section 5.2, has it. A subject's or actor's token that is refused is `invalid_request`
(RFC 8693, section 2.2.2), an assertion `invalid_grant` (RFC 7523, section 3.1); what cannot be judged for want of keys is a
503 with `temporarily_unavailable`, and so is an issuer without a key to sign with, for which the word is the code of the
finding.

";

const OF_ENDINGS: &str = "\
## Requests that were not refused

Counted in `bearward_requests_broken_off_total`, with the status that the client was sent, or 499 if none was.

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
    let mut text =
        format!("{REASONS}{OF_REQUESTS}| reason | status | code | blame | meaning |\n|---|---|---|---|---|\n");
    for cause in Cause::ALL {
        let (status, code, blame) = (cause.status().as_u16(), cause.code(), cause.blame().as_str());
        writeln!(text, "| `{}` | {status} | `{code}` | {blame} | {} |", cause.as_str(), cause.meaning()).unwrap();
    }
    write!(text, "\n{OF_CREDENTIALS}| reason | meaning |\n|---|---|\n").unwrap();
    for reason in Reason::ALL {
        writeln!(text, "| `{reason}` | {} |", reason.meaning()).unwrap();
    }
    write!(text, "\n{OF_PROOFS}| reason | meaning |\n|---|---|\n").unwrap();
    for fault in ProofFault::ALL {
        writeln!(text, "| `{fault}` | {} |", fault.meaning()).unwrap();
    }
    write!(text, "\n{OF_ISSUERS}| reason | status | error | blame | meaning |\n|---|---|---|---|---|\n").unwrap();
    for denial in Denial::ALL {
        let (status, error, blame) = (denial.status().as_u16(), denial.error(), denial.blame().as_str());
        writeln!(text, "| `{}` | {status} | `{error}` | {blame} | {} |", denial.as_str(), denial.meaning()).unwrap();
    }
    write!(text, "\n{OF_ENDINGS}| reason | meaning |\n|---|---|\n").unwrap();
    for ending in Ending::ALL {
        writeln!(text, "| `{}` | {} |", ending.as_str(), ending.meaning()).unwrap();
    }
    assert_file("docs/reasons.md", &text);
}

#[test]
fn a_word_of_the_log_has_one_meaning() {
    let refused = Reason::ALL.iter().map(|reason| reason.as_str()).chain(Cause::ALL.iter().map(|cause| cause.as_str()));
    let refused = refused.chain(ProofFault::ALL.iter().map(|fault| fault.as_str()));
    let refused = refused.chain(Denial::ALL.iter().map(|denial| denial.as_str()));
    let words: Vec<_> = refused.chain(Code::ALL.iter().map(|code| code.as_str())).collect();
    for (place, word) in words.iter().enumerate() {
        assert!(!words[..place].contains(word), "{word} is declared twice");
    }
}
