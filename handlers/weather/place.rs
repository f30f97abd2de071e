//! Places: what a caller means, and what geocoding finds.

use serde::Deserialize;

/// What a caller means: a name, and perhaps where it is: `Springfield, Ohio`.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// In small letters.
    whereabouts: Vec<String>,
}

/// A place as the geocoding API gives it ("Geocoding API", JSON return
/// object); fields without a value are not sent.
#[derive(Debug, Deserialize)]
pub(super) struct Place {
    name: String,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
    country: Option<String>,
    country_code: Option<String>,
    admin1: Option<String>,
    admin2: Option<String>,
}

impl Wanted {
    /// Takes `City` or `City, region, country`; `None` when there is no name
    /// in it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text
            .split(',')
            .map(|part| part.split_whitespace().collect::<Vec<_>>().join(" "))
            .filter(|part| !part.is_empty());
        Some(Self {
            name: parts.next()?,
            whereabouts: parts.map(|part| part.to_lowercase()).collect(),
        })
    }

    /// The same for every spelling of the same wish.
    pub(super) fn key(&self) -> String {
        let mut key = self.name.to_lowercase();
        for part in &self.whereabouts {
            key.push(',');
            key.push_str(part);
        }
        key
    }

    /// Whether a place lies where the caller said.
    pub(super) fn fits(&self, place: &Place) -> bool {
        let known = [
            &place.country,
            &place.country_code,
            &place.admin1,
            &place.admin2,
        ];
        self.whereabouts.iter().all(|part| {
            known
                .into_iter()
                .flatten()
                .any(|name| name.to_lowercase() == *part)
        })
    }
}

impl Place {
    /// Name and country, for people.
    pub(super) fn label(&self) -> String {
        match &self.country {
            Some(country) => format!("{}, {country}", self.name),
            None => self.name.clone(),
        }
    }
}
