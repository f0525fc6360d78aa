//! Where settings come from: the environment, else a running `voxlog up`, else the default.

use std::collections::HashMap;

use super::{
    keys,
    settings::{self, Setting},
};
use crate::instance::Instance;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The process's environment.
    Environment,
    /// The `voxlog up` that keeps its data in the data directory.
    Instance,
    /// Nobody said otherwise.
    Default,
}

/// A value with its source.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// As it was given.
    pub value: &'a str,
    /// By whom.
    pub source: Source,
}

/// What the settings were when the process started.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    environment: HashMap<String, String>,
    instance: HashMap<String, String>,
}

impl Sources {
    /// The process's environment. Bytes that are no UTF-8 become a value that no setting takes.
    pub fn from_environment() -> Self {
        let read = |setting: &Setting| {
            let value = std::env::var_os(setting.name)?;
            Some((setting.name.to_owned(), value.to_string_lossy().into_owned()))
        };
        Self::of(settings::ALL.iter().filter_map(read))
    }

    /// Just these values.
    pub fn of(environment: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { environment: environment.into_iter().collect(), instance: HashMap::new() }
    }

    /// Adds what a running `voxlog up` has.
    #[must_use]
    pub fn with_instance(mut self, settings: impl IntoIterator<Item = (String, String)>) -> Self {
        self.instance = settings.into_iter().collect();
        self
    }

    /// Adds the instance of a data directory, if one left its note there.
    #[must_use]
    pub fn with_instance_of(self, data_dir: &std::path::Path) -> Self {
        match Instance::read(data_dir) {
            Some(instance) => self.with_instance(instance.settings),
            None => self,
        }
    }

    /// The value that counts. An empty variable is an absent one.
    pub fn find(&self, setting: &Setting) -> Option<Found<'_>> {
        let given =
            |values: &'_ HashMap<String, String>| values.get(setting.name).is_some_and(|value| !value.is_empty());
        if given(&self.environment) {
            return Some(Found { value: &self.environment[setting.name], source: Source::Environment });
        }
        if given(&self.instance) {
            return Some(Found { value: &self.instance[setting.name], source: Source::Instance });
        }
        setting.default.map(|value| Found { value, source: Source::Default })
    }

    /// Whether the environment says it.
    pub fn is_set(&self, setting: &Setting) -> bool {
        self.find(setting).is_some_and(|found| found.source == Source::Environment)
    }

    /// Whether a running `voxlog up` says it.
    pub fn is_from_instance(&self, setting: &Setting) -> bool {
        self.find(setting).is_some_and(|found| found.source == Source::Instance)
    }

    /// Whether a private key is one that a `voxlog up` made, by whatever way it came.
    pub(super) fn has_embedded_key(&self, pem: &str) -> bool {
        let own = self.instance.get(settings::JWT_PRIVATE_KEY.name).and_then(|value| keys::private(value).ok());
        let is_marked = self.find(&settings::JWT_PRIVATE_KEY).is_some_and(|found| keys::is_embedded(found.value));
        own.as_deref() == Some(pem) || is_marked
    }
}
