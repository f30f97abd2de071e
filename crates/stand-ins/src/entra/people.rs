use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::error::OAuthError;
use super::grants::Stamp;
use crate::directory::{self, Application, Persona};
use crate::encoding::lock;

/// A change of an account, the body of `POST /stand-in/people/{persona}`.
/// Members that are absent change nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersonChange {
    /// The account is disabled: no sign-in, no refresh, no On-Behalf-Of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// App roles instead of the persona's own; an empty list takes all away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<String>>,
    /// A claims request (`OpenID` Connect Core section 5.5) that a sign-in must
    /// have met before On-Behalf-Of and refresh work again; `{}` or `null`
    /// inside ends the requirement.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub interaction_required: Option<Value>,
    /// The resource (client id or application ID URI) for which alone the
    /// interaction is required; without it, for every one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_resource: Option<String>,
    /// The `error` that goes with the required interaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interaction_error: Option<InteractionError>,
    /// By resource (client id or application ID URI): whether the registered
    /// application has this person's consent, whatever was consented to
    /// before.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub consent: BTreeMap<String, bool>,
    /// `true` ends every session and refresh token issued until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke_sessions: Option<bool>,
}

/// Which `error` says that a person must interact. Microsoft's documentation
/// of the On-Behalf-Of flow shows the first, public reports of newer answers
/// the second (with `suberror` `basic_action` and the same `claims`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InteractionError {
    /// `interaction_required`
    #[default]
    InteractionRequired,
    /// `invalid_grant`
    InvalidGrant,
}

impl From<InteractionError> for OAuthError {
    fn from(error: InteractionError) -> Self {
        match error {
            InteractionError::InteractionRequired => Self::InteractionRequired,
            InteractionError::InvalidGrant => Self::InvalidGrant,
        }
    }
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// An account as it is now, where it differs from the directory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Account {
    pub(crate) disabled: bool,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) interaction_required: Option<Value>,
    pub(crate) interaction_error: InteractionError,
    interaction_resource: Option<Uuid>,
    /// What was issued before is not good any more.
    pub(crate) valid_from: Option<Stamp>,
    consent: BTreeMap<Uuid, bool>,
    consented: BTreeSet<(Uuid, Uuid, &'static str)>,
}

impl Account {
    /// The challenge that a sign-in must have met for this resource.
    pub(crate) fn required_of(&self, resource: &Application) -> Option<&Value> {
        self.interaction_required.as_ref().filter(|_| {
            self.interaction_resource
                .is_none_or(|only| only == resource.client_id)
        })
    }
}

/// A consent or interaction was named for something that is not a resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no resource {0}")]
pub(crate) struct UnknownResource(String);

/// What has been changed about people since the start.
#[derive(Debug, Default)]
pub(crate) struct People {
    accounts: Mutex<BTreeMap<&'static str, Account>>,
}

impl People {
    /// The account of a persona.
    pub(crate) fn account(&self, persona: &Persona) -> Account {
        lock(&self.accounts)
            .get(persona.name)
            .cloned()
            .unwrap_or_default()
    }

    /// The app roles of a persona on the registered application.
    pub(crate) fn roles(&self, persona: &Persona) -> Vec<String> {
        self.account(persona)
            .roles
            .unwrap_or_else(|| persona.roles.iter().map(ToString::to_string).collect())
    }

    /// Applies a change made at `now`.
    pub(crate) fn change(
        &self,
        persona: &Persona,
        change: PersonChange,
        now: Stamp,
    ) -> Result<Account, UnknownResource> {
        let consent = change
            .consent
            .iter()
            .map(|(name, given)| Ok((resource(name)?, *given)))
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        let only = change.interaction_resource.as_deref();
        let only = only.map(resource).transpose()?;
        let mut accounts = lock(&self.accounts);
        let account = accounts.entry(persona.name).or_default();
        if let Some(disabled) = change.disabled {
            account.disabled = disabled;
        }
        if let Some(roles) = change.roles {
            account.roles = Some(roles);
        }
        if let Some(claims) = change.interaction_required {
            account.interaction_required =
                Some(claims).filter(|claims| claims.as_object().is_some_and(|c| !c.is_empty()));
            account.interaction_resource = only;
            account.interaction_error = change.interaction_error.unwrap_or_default();
        }
        if change.revoke_sessions == Some(true) {
            account.valid_from = Some(now);
        }
        account
            .consented
            .retain(|(_, resource, _)| consent.get(resource) != Some(&false));
        account.consent.extend(consent);
        Ok(account.clone())
    }

    /// Records that a persona consented to a client's use of a permission.
    pub(crate) fn consent(
        &self,
        persona: &Persona,
        client: &Application,
        resource: &Application,
        scope: &'static str,
    ) {
        lock(&self.accounts)
            .entry(persona.name)
            .or_default()
            .consented
            .insert((client.client_id, resource.client_id, scope));
    }

    /// Whether a client may use a permission for a persona: by an
    /// administrator's consent for all, or the persona's own. A change by the
    /// control surface goes before the administrator's.
    pub(crate) fn has_consented(
        &self,
        persona: &Persona,
        client: &Application,
        resource: &Application,
        scope: &str,
    ) -> bool {
        let account = self.account(persona);
        let own = account.consented.iter().any(|(by, on, name)| {
            *by == client.client_id && *on == resource.client_id && *name == scope
        });
        let changed = account
            .consent
            .get(&resource.client_id)
            .filter(|_| client.client_id == directory::CLIENT_ID);
        own || changed.copied().unwrap_or_else(|| {
            client
                .consented
                .iter()
                .any(|(on, names)| *on == resource.client_id && names.contains(&scope))
        })
    }

    /// Forgets every change.
    pub(crate) fn reset(&self) {
        lock(&self.accounts).clear();
    }
}

fn resource(name: &str) -> Result<Uuid, UnknownResource> {
    directory::resource_named(name)
        .map(|resource| resource.client_id)
        .ok_or_else(|| UnknownResource(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::directory::{CLIENT_ID, FOUNDRY_RESOURCE, FOUNDRY_RESOURCE_ID};

    fn reader() -> &'static Persona {
        directory::persona("reader").unwrap()
    }

    fn change(body: Value) -> PersonChange {
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn consent_can_be_taken_away_given_by_the_person_and_restored() {
        let people = People::default();
        let client = directory::application(CLIENT_ID).unwrap();
        let foundry = directory::application(FOUNDRY_RESOURCE_ID).unwrap();
        let has = || people.has_consented(reader(), client, foundry, "user_impersonation");
        assert!(has());
        people
            .change(
                reader(),
                change(json!({"consent": {FOUNDRY_RESOURCE: false}})),
                Stamp::default(),
            )
            .unwrap();
        assert!(!has());
        people.consent(reader(), client, foundry, "user_impersonation");
        assert!(has());
        people
            .change(
                reader(),
                change(json!({"consent": {FOUNDRY_RESOURCE: false}})),
                Stamp::default(),
            )
            .unwrap();
        assert!(!has());
        people.reset();
        assert!(has());
    }

    #[test]
    fn a_required_interaction_ends_with_an_empty_claims_request() {
        let people = People::default();
        let claims = json!({"access_token": {"acrs": {"essential": true, "value": "c1"}}});
        let set = change(json!({"interaction_required": claims}));
        let account = people.change(reader(), set, Stamp::default()).unwrap();
        assert_eq!(account.interaction_required, Some(claims));
        let account = people
            .change(
                reader(),
                change(json!({"disabled": true})),
                Stamp::default(),
            )
            .unwrap();
        assert!(account.interaction_required.is_some() && account.disabled);
        let account = people
            .change(
                reader(),
                change(json!({"interaction_required": null})),
                Stamp::default(),
            )
            .unwrap();
        assert_eq!(account.interaction_required, None);
    }

    #[test]
    fn a_consent_for_no_resource_is_refused() {
        let refused = People::default().change(
            reader(),
            change(json!({"consent": {"api://nothing": true}})),
            Stamp::default(),
        );
        assert_eq!(
            refused.unwrap_err().to_string(),
            "there is no resource api://nothing"
        );
    }
}
