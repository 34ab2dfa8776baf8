//! What becomes of the requests of one rule: the second of the three levels, a function of the rule and all that it read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::known::Known;
use super::notes::{At, Notes};
use super::services::PortState;
use super::unit::{ActionUnit, BackendUnit, Claim, RewriteUnit, RuleBody, RuleUnit, TargetUnit};
use crate::finding::{Code, Finding};
use crate::name::ObjectKey;
use crate::resources::{Lookup, ReportKey};
use crate::snapshot::{Access, Action, Backend, Chain, Dialect, PathRewrite, Redirect, Refused, Stages, Weighted};

/// A compiled rule.
#[derive(Debug)]
pub(super) struct RuleNode {
    chains: Chains,
    pub(super) findings: Vec<Finding>,
    /// The policies, models and Services that it names.
    pub(super) named: BTreeSet<ObjectKey>,
    /// Whether no request can get through.
    pub(super) refuses: bool,
}

/// A rewrite that replaces what was matched depends on the length of the match; all else is the same for every match.
#[derive(Debug)]
enum Chains {
    One(Arc<Chain>),
    ByMatch(BTreeMap<usize, Arc<Chain>>),
}

impl RuleNode {
    /// Compiles the rule at `index` of `route`.
    pub(super) fn join(
        unit: &RuleUnit,
        route: &ObjectKey,
        index: usize,
        mut known: Known<'_>,
    ) -> (Self, BTreeSet<Lookup>) {
        let mut notes = Notes::new(route.clone());
        let at = At::spec();
        let at = at.field("rules");
        let joined = unit
            .body
            .as_ref()
            .map_err(|code| *code)
            .and_then(|body| Ok((body, join(body, &at.index(index), &mut known, &mut notes)?)));
        let rule = || Arc::clone(&unit.label);
        let (chains, refuses) = match joined {
            Err(code) => (Chains::One(Arc::new(Chain::Refuse(Refused { rule: rule(), code }))), true),
            Ok((body, joined)) => {
                let build = |matched| Arc::new(Chain::Serve(Box::new(joined.stages(rule(), body, matched))));
                let chains = match &body.path {
                    Some(RewriteUnit::Prefix(_)) => {
                        let lengths: BTreeSet<usize> = unit.claims.iter().map(Claim::matched).collect();
                        Chains::ByMatch(lengths.into_iter().map(|matched| (matched, build(matched))).collect())
                    }
                    Some(RewriteUnit::Full(_)) | None => Chains::One(build(0)),
                };
                (chains, joined.refuses())
            }
        };
        let node = Self { chains, findings: notes.into_findings(), named: known.named, refuses };
        (node, known.reading.into_log())
    }

    /// The chain of the requests that this claim takes.
    pub(super) fn chain(&self, claim: &Claim) -> Option<&Arc<Chain>> {
        match &self.chains {
            Chains::One(chain) => Some(chain),
            Chains::ByMatch(chains) => chains.get(&claim.matched()),
        }
    }

    /// How many chains there are.
    pub(super) fn count(&self) -> usize {
        match &self.chains {
            Chains::One(_) => 1,
            Chains::ByMatch(chains) => chains.len(),
        }
    }
}

/// A rule whose names are resolved.
struct Joined {
    access: Access,
    backends: Vec<(u32, Backend)>,
    dialect: Dialect,
}

fn join(body: &RuleBody, at: &At<'_>, known: &mut Known<'_>, notes: &mut Notes) -> Result<Joined, Code> {
    let spec = At::spec();
    let auth = if body.inherits_access { spec.field("auth") } else { at.field("auth") };
    let access = known.access(&body.access, &auth, notes);
    let backends = match &body.action {
        ActionUnit::Forward(backends) => backends.as_slice(),
        ActionUnit::Redirect { .. } => &[],
    };
    let is_model = |backend: &BackendUnit| matches!(backend.target, TargetUnit::Model(_));
    let dialect = if backends.iter().any(is_model) { Dialect::OpenAi } else { Dialect::Problem };
    let at = at.field("backends");
    let mut sum: u32 = 0;
    let backends = backends.iter().enumerate().map(|(index, unit)| {
        let backend = backend(&unit.target, &at.index(index), known, notes).unwrap_or_else(Backend::Unresolved);
        // The schema bounds the weights so that their sum fits; saturating keeps the order all the same.
        sum = sum.saturating_add(unit.weight);
        (sum, backend)
    });
    let backends = backends.collect();
    Ok(Joined { access: access?, backends, dialect })
}

fn backend(target: &TargetUnit, at: &At<'_>, known: &mut Known<'_>, notes: &mut Notes) -> Result<Backend, Code> {
    let plain = |upstream, base: &str| Backend::Upstream {
        upstream,
        strip: "".into(),
        base: base.into(),
        credential: None,
        access: None,
    };
    match target {
        TargetUnit::Broken(code) => Err(*code),
        TargetUnit::Service(port) => {
            let PortState { problem, warning } = known.port(port);
            if let Some(problem) = problem {
                return Err(notes.error(at, problem));
            }
            if let Some(warning) = warning {
                notes.warning(at, warning);
            }
            known.cells.port(port).map(|upstream| plain(Arc::clone(upstream), "")).ok_or(Code::BackendNotFound)
        }
        TargetUnit::Url(url) => {
            if let Some(name) = url.origin.dns_name() {
                let report = known.reading.report(ReportKey::Name(name));
                notes.report(report, &at.field("url"));
            }
            known.cells.url(url).map(|upstream| plain(Arc::clone(upstream), &url.base)).ok_or(Code::BackendNotFound)
        }
        TargetUnit::Model(key) => match known.model(key) {
            Ok(target) => Ok(target.backend()),
            Err(problem) => Err(notes.error(&at.field("modelRef"), problem)),
        },
    }
}

impl Joined {
    fn stages(&self, rule: Arc<str>, body: &RuleBody, matched: usize) -> Stages {
        let path = body.path.as_ref().map(|path| match path {
            RewriteUnit::Prefix(replacement) => PathRewrite::Prefix { matched, replacement: replacement.clone() },
            RewriteUnit::Full(path) => PathRewrite::Full(path.clone()),
        });
        let (path, action) = match &body.action {
            ActionUnit::Forward(_) => {
                let total = self.backends.last().map_or(0, |(sum, _)| *sum);
                (path, Action::Forward(Weighted { backends: self.backends.clone().into(), total }))
            }
            ActionUnit::Redirect { status, scheme, authority } => {
                let (scheme, authority) = (scheme.clone(), authority.clone());
                (None, Action::Redirect(Redirect { status: *status, scheme, authority, path }))
            }
        };
        Stages {
            rule,
            access: self.access.clone(),
            max_body: body.max_body,
            timeouts: body.timeouts,
            request: body.request.clone(),
            host: body.host.clone(),
            path,
            response: body.response.clone(),
            dialect: self.dialect,
            action,
        }
    }

    /// Whether every backend that has a share refuses it.
    fn refuses(&self) -> bool {
        let mut below = 0;
        let mut shares = self.backends.iter().filter(|(sum, _)| std::mem::replace(&mut below, *sum) < *sum).peekable();
        shares.peek().is_some() && shares.all(|(_, backend)| matches!(backend, Backend::Unresolved(_)))
    }
}
