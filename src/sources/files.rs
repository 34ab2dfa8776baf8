//! Files and folders of YAML.

pub mod places;
pub mod yaml;
