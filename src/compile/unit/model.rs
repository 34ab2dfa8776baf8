//! The unit of a `ModelBackend`.

use serde_json::{Map, Value};

use super::access::{self, AccessUnit};
use super::rule::url_target;
use super::url::Url;
use super::{Context, decode};
use crate::api;
use crate::compile::notes::{At, Notes};
use crate::finding::{Code, Finding};
use crate::name::Kind;
use crate::resources::Object;

/// What a `ModelBackend` decides alone.
#[derive(Debug)]
pub(in crate::compile) struct ModelUnit {
    pub(in crate::compile) draft: Result<ModelDraft, Code>,
    pub(in crate::compile) findings: Vec<Finding>,
}

/// A `ModelBackend` without errors of its own.
#[derive(Debug)]
pub(in crate::compile) struct ModelDraft {
    pub(in crate::compile) url: Url,
    pub(in crate::compile) credential: Option<api::SecretKeyRef>,
    pub(in crate::compile) access: Option<AccessUnit>,
}

pub(super) fn unit(object: &Object, document: &Map<String, Value>, context: &mut Context<'_>) -> ModelUnit {
    let mut notes = Notes::new(object.key().clone());
    let draft = decode::<api::ModelBackendSpec>(Kind::ModelBackend, document, &mut notes)
        .and_then(|spec| draft(&spec, context, &mut notes));
    ModelUnit { draft, findings: notes.into_findings() }
}

fn draft(spec: &api::ModelBackendSpec, context: &mut Context<'_>, notes: &mut Notes) -> Result<ModelDraft, Code> {
    let api::Provider::OpenAICompatible = spec.provider;
    let at = At::spec();
    let url = url_target(&spec.endpoint, context.settings, &at.field("endpoint"), notes);
    let access = match &spec.auth {
        Some(auth) => access::access(auth, &at.field("auth"), notes, context.expressions).map(Some),
        None => Ok(None),
    };
    let credential = spec.credentials.as_ref().map(|credentials| credentials.secret_ref.clone());
    Ok(ModelDraft { url: url?, credential, access: access? })
}
