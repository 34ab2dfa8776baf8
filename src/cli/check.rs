//! `bearward check PATH…`: what the command takes.

use clap::Args;

use super::gateway::once;
use super::objects::{Files, FilesArgs};
use super::values;
use crate::transport::EgressItem;

/// Which files are checked, and for which installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The files.
    pub files: Files,
    /// The class of objects that the installation serves.
    pub class: Box<str>,
    /// All that URLs may lead to, unless it is empty.
    pub egress_allow: Vec<EgressItem>,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    files: FilesArgs,
    /// The class of objects that the installation serves
    ///
    /// Objects whose spec.class is another are left alone.
    #[arg(long, value_name = "NAME", env = "BEARWARD_CLASS", hide_env_values = true, default_value = "bearward")]
    #[arg(value_parser = values::label, help_heading = "Objects")]
    class: Box<str>,
    /// Where URLs in resources may lead, as it is said to serve
    ///
    /// Networks, addresses, or addresses with a port, with commas between them. When unset, everywhere but to the metadata
    /// addresses of clouds. Names are not looked up.
    #[arg(long, value_name = "NETWORKS", env = "BEARWARD_EGRESS_ALLOW", hide_env_values = true)]
    #[arg(value_delimiter = ',', value_parser = values::egress_item, help_heading = "Objects")]
    egress_allow: Vec<EgressItem>,
}

impl CheckArgs {
    pub(super) fn typed(self) -> Result<Check, String> {
        let egress_allow = once("--egress-allow", self.egress_allow)?;
        Ok(Check { files: self.files.typed()?, class: self.class, egress_allow })
    }
}
