use super::super::Entra;
use super::super::authority::Authority;
use super::super::claims_request::ClaimsRequest;
use super::super::error::{EntraError, OAuthError};
use super::super::grants::CodeChallenge;
use super::super::parameters::Parameters;
use super::super::refusal;
use super::super::scopes::ScopeRequest;
use super::super::token::find_client;
use super::redirect::{Redirect, ResponseMode, registered};
use crate::directory::{Application, Kind, Persona, persona};

/// A valid authorization request.
#[derive(Debug, Clone)]
pub(super) struct AuthorizeRequest {
    /// First path segment, as the client wrote it.
    pub(super) tenant: String,
    /// The parameters, encoded, as they came.
    pub(super) parameters: String,
    pub(super) authority: Authority,
    pub(super) client: &'static Application,
    pub(super) redirect: Redirect,
    pub(super) scope: String,
    pub(super) scopes: ScopeRequest,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<CodeChallenge>,
    pub(super) prompt: Prompt,
    /// The account that the client expects; an unknown one is no help.
    pub(super) login_hint: Option<&'static Persona>,
    /// Verified domain (or tenant id) that the client expects.
    pub(super) domain_hint: Option<String>,
    pub(super) claims: ClaimsRequest,
    pub(super) client_info: bool,
}

/// The `prompt` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Ask what must be asked.
    Unspecified,
    /// Ask nothing: answer or fail.
    None,
    /// Sign in anew.
    Login,
    /// Choose among accounts.
    SelectAccount,
    /// Ask for consent again.
    Consent,
}

/// Why a request is not valid, and who may be told.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Invalid {
    /// The person alone: there is no address to trust.
    Page(EntraError),
    /// The client.
    Redirect(Redirect, EntraError),
}

impl AuthorizeRequest {
    /// Reads and checks the parameters.
    pub(super) fn parse(entra: &Entra, tenant: &str, encoded: String) -> Result<Self, Invalid> {
        let parameters = Parameters::parse(encoded.as_bytes()).map_err(Invalid::Page)?;
        let (authority, client) = client_of(tenant, &parameters).map_err(Invalid::Page)?;
        let uri =
            registered(entra, client, parameters.get("redirect_uri")).map_err(Invalid::Page)?;
        let mode = response_mode(parameters.get("response_mode"));
        let redirect = Redirect {
            uri,
            mode: *mode.as_ref().unwrap_or(&ResponseMode::Query),
            state: parameters.get("state").map(str::to_owned),
        };
        let refuse = |error| Invalid::Redirect(redirect.clone(), error);
        mode.map_err(&refuse)?;
        check_response_type(&parameters).map_err(&refuse)?;
        let scope = parameters.required("scope").map_err(&refuse)?;
        let scopes = ScopeRequest::parse(scope, client).map_err(&refuse)?;
        scopes.refuse_own_uri(client).map_err(&refuse)?;
        check_resource(&parameters, &scopes).map_err(&refuse)?;
        Ok(Self {
            tenant: tenant.to_owned(),
            authority,
            client,
            scope: scope.to_owned(),
            scopes,
            nonce: parameters.get("nonce").map(str::to_owned),
            challenge: code_challenge(&parameters).map_err(&refuse)?,
            prompt: prompt(parameters.get("prompt")).map_err(&refuse)?,
            login_hint: parameters
                .get("login_hint")
                .and_then(persona)
                .filter(|persona| persona.kind == Kind::User),
            domain_hint: parameters.get("domain_hint").map(str::to_owned),
            claims: ClaimsRequest::parse(parameters.get("claims")).map_err(&refuse)?,
            client_info: parameters.flag("client_info"),
            redirect,
            parameters: encoded,
        })
    }
}

fn client_of(
    tenant: &str,
    parameters: &Parameters,
) -> Result<(Authority, &'static Application), EntraError> {
    let authority = Authority::parse(tenant)?;
    let client = find_client(parameters.required("client_id")?, authority)?;
    match authority {
        Authority::Consumers => Err(refusal::no_personal_accounts(client)),
        Authority::Organizations | Authority::Common if !client.multi_tenant => {
            Err(refusal::not_multi_tenant(client))
        }
        _ => Ok((authority, client)),
    }
}

fn response_mode(value: Option<&str>) -> Result<ResponseMode, EntraError> {
    match value {
        None | Some("query") => Ok(ResponseMode::Query),
        Some("fragment") => Ok(ResponseMode::Fragment),
        Some("form_post") => Ok(ResponseMode::FormPost),
        Some(other) => Err(EntraError::new(
            70007,
            OAuthError::InvalidRequest,
            format!(
                "'{other}' is not a supported value of 'response_mode' when requesting a token."
            ),
        )),
    }
}

/// `code` alone: the registration enables no implicit or hybrid flow.
fn check_response_type(parameters: &Parameters) -> Result<(), EntraError> {
    let value = parameters.required("response_type")?;
    let refused = |code: u32, kind: &str| {
        EntraError::new(
            code,
            OAuthError::UnsupportedResponseType,
            format!("response_type '{kind}' is not enabled for the application."),
        )
    };
    if value == "code" {
        Ok(())
    } else if value.split_whitespace().any(|kind| kind == "id_token") {
        Err(refused(700_054, "id_token"))
    } else {
        Err(refused(70005, value))
    }
}

fn check_resource(parameters: &Parameters, scopes: &ScopeRequest) -> Result<(), EntraError> {
    let Some(resource) = parameters.get("resource") else {
        return Ok(());
    };
    let fits = scopes
        .resources
        .iter()
        .any(|request| request.resource.identifier_uri == Some(resource));
    if fits {
        Ok(())
    } else {
        Err(refusal::resource_parameter(!scopes.resources.is_empty()))
    }
}

/// PKCE (RFC 7636 section 4.3): 43 to 128 unreserved characters; the method is
/// `plain` unless it says otherwise.
fn code_challenge(parameters: &Parameters) -> Result<Option<CodeChallenge>, EntraError> {
    let method = parameters.get("code_challenge_method");
    let Some(value) = parameters.get("code_challenge") else {
        return match method {
            None => Ok(None),
            Some(_) => Err(EntraError::new(
                50147,
                OAuthError::InvalidRequest,
                "The size of the code challenge parameter is not valid.",
            )),
        };
    };
    let hashed = match method {
        None | Some("plain") => false,
        Some("S256") => true,
        Some(_) => {
            return Err(refusal::invalid_request(
                "The 'code_challenge_method' is not supported.",
            ));
        }
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&value.len()) || !value.bytes().all(unreserved) {
        return Err(EntraError::new(
            501_491,
            OAuthError::InvalidRequest,
            "Invalid size of Code_Challenge parameter.",
        ));
    }
    Ok(Some(CodeChallenge {
        value: value.to_owned(),
        hashed,
    }))
}

fn prompt(value: Option<&str>) -> Result<Prompt, EntraError> {
    match value {
        None => Ok(Prompt::Unspecified),
        Some("none") => Ok(Prompt::None),
        Some("login") => Ok(Prompt::Login),
        Some("select_account") => Ok(Prompt::SelectAccount),
        Some("consent") => Ok(Prompt::Consent),
        Some(_) => Err(refusal::invalid_request("Unsupported 'prompt' value.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Parameters {
        Parameters::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_challenge_has_its_size_and_a_known_method() {
        let good = "a".repeat(43);
        let parse = |text: &str| code_challenge(&parameters(text));
        assert_eq!(parse("").unwrap(), None);
        assert!(
            parse(&format!("code_challenge={good}&code_challenge_method=S256"))
                .unwrap()
                .is_some_and(|challenge| challenge.hashed)
        );
        assert!(
            parse(&format!("code_challenge={good}"))
                .unwrap()
                .is_some_and(|challenge| !challenge.hashed)
        );
        let code = |text: &str| parse(text).unwrap_err().code();
        assert_eq!(code("code_challenge=short"), 501_491);
        assert_eq!(code("code_challenge_method=S256"), 50147);
        assert_eq!(
            code(&format!("code_challenge={good}&code_challenge_method=S512")),
            90023
        );
    }

    #[test]
    fn only_the_code_flow_is_enabled() {
        let code = |text: &str| check_response_type(&parameters(text)).unwrap_err().code();
        assert!(check_response_type(&parameters("response_type=code")).is_ok());
        assert_eq!(code("response_type=code+id_token"), 700_054);
        assert_eq!(code("response_type=token"), 70005);
        assert_eq!(code(""), 900_144);
    }
}
