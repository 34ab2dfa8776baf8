//! The proof that a token request may bring (RFC 9449, section 5).

use http::HeaderName;

use super::refusal::Refusal;
use super::{Asked, Authority};
use crate::jose::{Algorithm, Proof, ProofFault, ProofTerms, ProofWindow, TargetUri, Thumbprint};
use crate::snapshot::Dpop;
use crate::state::ReplayError;
use crate::telemetry::Denial;

/// The field that has the proof.
const DPOP: HeaderName = HeaderName::from_static("dpop");

impl Authority {
    /// The key that the sender holds, if he proves that he holds one. The proof is used up by that.
    pub(super) fn holder(&self, asked: &Asked<'_>) -> Result<Option<Thumbprint>, Refusal> {
        let mut fields = asked.request.headers.get_all(DPOP).iter();
        let field = match (fields.next(), fields.next(), asked.issuer.dpop) {
            (None, _, Dpop::Disabled | Dpop::Accept) => return Ok(None),
            (None, _, Dpop::Require) => return Err(Refusal::proof(ProofFault::Missing)),
            (Some(_), _, Dpop::Disabled) => return Err(Denial::DpopDisabled.into()),
            // RFC 9449, section 4.3, check 1.
            (Some(_), Some(_), _) => return Err(Refusal::proof(ProofFault::Multiple)),
            (Some(field), None, _) => field,
        };
        let text = field.to_str().map_err(|_| Refusal::proof(ProofFault::Malformed))?;
        let targets: Vec<TargetUri> = TargetUri::parse(&asked.issuer.url_of("token")).into_iter().collect();
        let terms = ProofTerms {
            method: asked.request.method.as_str(),
            targets: &targets,
            // Shared secrets are refused whatever stands here.
            algorithms: &Algorithm::ALL,
            window: ProofWindow::default(),
            token: None,
        };
        let now = asked.request.time;
        let proof = Proof::verify(text, &terms, now).map_err(Refusal::proof)?;
        match self.replays.first(&asked.issuer.name, &proof.key, proof.issued, proof.until, now) {
            Ok(true) => Ok(Some(proof.thumbprint)),
            Ok(false) | Err(ReplayError::BeforeStart) => Err(Refusal::proof(ProofFault::Replay)),
            Err(ReplayError::Full) => Err(Denial::ReplaysFull.into()),
        }
    }
}
