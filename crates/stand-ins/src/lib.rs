//! Stand-ins for Microsoft Entra ID, Azure AI Foundry, Microsoft Graph, Azure Key
//! Vault and the managed identity endpoint, for development and tests: everything that the handler needs from outside, in
//! one process, on loopback, with no account and no network.
//!
//! [`start`] serves plain http on one port and https (a certificate of a
//! private CA) on another, since Microsoft's client libraries insist on https.
//! Every stand-in is a router under a path prefix of its own:
//!
//! | path | stands for |
//! |---|---|
//! | `/{tenant}/…`, `/common/discovery/instance` | Microsoft Entra ID ([`directory`] says who is in it) |
//! | `/foundry/…` | Azure AI Foundry |
//! | `/graph/…` | Microsoft Graph: the own profile, and the registration of the application |
//! | `/secrets`, `/deletedsecrets` | Azure Key Vault, over https alone |
//! | `/msi/token` | the managed identity endpoint of App Service and Functions |
//! | `/application-insights/…` | ingestion of Application Insights |
//! | `/stand-in/…` | control of the stand-ins themselves |
//!
//! The Entra stand-in is strict where Entra is documented to be. Where its
//! behaviour rests on public reports or on inference, the item's documentation
//! says so.
//!
//! # Control
//!
//! For the loopback address alone, and never for a web page (a request with an
//! `Origin` is refused). Bodies and answers are JSON.
//!
//! | route | body | effect |
//! |---|---|---|
//! | `POST /stand-in/token` | [`TokenRequest`] | `{"access_token": …}`, signed by the key in use |
//! | `POST /stand-in/people/{persona}` | [`PersonChange`] | changes an account: disabled, roles, consent, required interaction; answers the new state |
//! | `POST /stand-in/auto-sign-in` | `{"persona": "reader"}` or `{"persona": null}` | lets the sign-in page answer by itself, or not |
//! | `POST /stand-in/rotate-keys` | [`KeyRotation`] | changes the signing keys; answers `{"keys": [{"kid", "state"}]}` |
//! | `POST /stand-in/certificates` | [`CertificateRegistration`] | registers a certificate as credential of an application |
//! | `POST /stand-in/federated-credential` | `{"state":` [`Federation`]`}` | whether the application trusts the managed identity yet |
//! | `POST /stand-in/vault-access` | [`VaultAccess`] | gives the managed identity or a persona a role at the vault, or takes it |
//! | `POST /stand-in/registration` | a JSON merge patch | changes what Graph says of the application: `application`, `servicePrincipal`, `federatedIdentityCredentials`, `oauth2PermissionGrants`, `appRoleAssignedTo` |
//! | `POST /stand-in/faults` | [`Fault`] | the next requests to a route fail in that way |
//! | `GET /stand-in/requests` | query `path`: part of the path | what was asked of the stand-ins, oldest first, with secrets replaced by a prefix of their SHA-256 |
//! | `GET /stand-in/telemetry` | | every item of telemetry that came, oldest first |
//! | `POST /stand-in/telemetry` | `{"authenticated": true}` | whether ingestion asks for the managed identity's token |
//! | `POST /stand-in/reset` | | forgets faults, requests, the vault's secrets and every change of people and access; keys stay |

pub mod cli;
mod control;
pub mod directory;
mod encoding;
mod entra;
mod faults;
mod foundry;
mod frame;
mod graph;
mod ingestion;
mod managed_identity;
mod requests;
mod seal;
mod serve;
mod store;
mod tls;
mod vault;

pub use entra::certificates::CertificateRegistration;
pub use entra::federation::Federation;
pub use entra::keys::{KeyError, KeyRotation, KeyState, NewKey, OldKeys};
pub use entra::mint::{MintError, SignatureKind, TokenKind, TokenRequest, TokenVersion};
pub use entra::people::PersonChange;
pub use faults::Fault;
pub use frame::{StandInError, StandInOptions, StandIns, start};
pub use requests::RecordedRequest;
pub use store::StoreError;
pub use tls::TlsIdentity;
pub use vault::{Role, VaultAccess};
