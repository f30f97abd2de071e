//! `entrada keys`: the key ring in Key Vault.

mod stored;

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use azure_core::credentials::TokenCredential;
use clap::{Args, Subcommand, ValueEnum};
use entrada_ambient::ProcessEnvironment;
use entrada_vault::{Vault, VaultError};
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::OnceCell;

use self::stored::Asked;
use super::explain::print as say;
use super::serve::{Failure, ambient, runtime};
use super::state::identity;
use crate::app::{self, Ambient};
use crate::config::SecretSettings;
use crate::error::chain;
use crate::identity::{KeyListing, KeyRing, KeyState, KeyUse, Need, Rotation, Step, StoredValues};
use crate::secrets::{KEY_RING, KEY_RING_TYPE};

/// How long to wait between tries, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(2);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

const ABOUT: &str = "\
The key ring is the secret `entrada-key-ring` of the key vault that \
ENTRADA_KEY_VAULT_URL names. Its keys sign access tokens (sig), encrypt what is \
stored (enc) and chain the audit log (mac). Servers load it at their start and \
every five minutes, so that nothing needs to be restarted.

Who runs this needs the role Key Vault Secrets Officer, and is who is signed in \
with `az login` or `azd auth login` (on Azure: the managed identity). Whether a \
retired key that encrypted is needed is noted in storage: with ENTRADA_STORAGE (the \
address of the table service) and the role Storage Table Data Reader it is asked; \
without, such a key stays.";

#[derive(Debug, Subcommand)]
#[command(after_help = ABOUT)]
pub(super) enum KeysCommand {
    /// Makes the key ring; leaves one that is there alone.
    ///
    /// Can be repeated: a ring that is there is never overwritten. Run it from
    /// one place at a time: a vault cannot refuse the second of two. Without
    /// `ENTRADA_KEY_VAULT_URL` it prints a new ring, for `ENTRADA_KEY_RING` on
    /// this machine.
    Init(InitArguments),
    /// Changes the keys, in two steps at least ten minutes apart.
    ///
    /// The first step publishes next keys, which every server and verifier
    /// learns of. The second, ten minutes later, takes them into use: what the
    /// keys before them signed or encrypted stays good, and those go when
    /// nothing needs them any more (access tokens: after a day; what is stored:
    /// when a sweep has found nothing under them; the audit log: after ten
    /// years). With --wait it does both.
    Rotate(RotateArguments),
    /// Shows the keys: what they are for, and where they are in their lives.
    List,
}

#[derive(Debug, Args)]
pub(super) struct InitArguments {
    /// How long to go on trying while the vault cannot be reached or refuses:
    /// role assignments count after minutes. For instance 15m
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    wait: Duration,
}

#[derive(Debug, Args)]
pub(super) struct RotateArguments {
    /// Only keys of this use; can be repeated [default: all]
    #[arg(long = "use", value_name = "USE")]
    uses: Vec<Purpose>,
    /// Waits until the next keys can be used, at most so long, and takes them
    /// into use. For instance 15m
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "0s")]
    wait: Duration,
    /// Drops this retired key instead; refused while anything needs it
    #[arg(long, value_name = "KID", conflicts_with_all = ["uses", "wait"])]
    drop: Option<String>,
    /// With --drop: the key has leaked. One that signs access tokens goes at
    /// once, current or not, and what it signed is good no more; other keys
    /// stay. docs/keys.md says what else to do
    #[arg(long, requires = "drop")]
    compromised: bool,
}

/// What a key is for.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Purpose {
    /// Signs access tokens
    Sig,
    /// Encrypts what is stored
    Enc,
    /// Chains the audit log
    Mac,
}

impl From<Purpose> for KeyUse {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Sig => Self::Sig,
            Purpose::Enc => Self::Enc,
            Purpose::Mac => Self::Mac,
        }
    }
}

/// `90s`, `15m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let form = || "a duration such as 90s, 15m or 1h".to_owned();
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(form)?;
    let number: u64 = number.parse().map_err(|_| form())?;
    let seconds = match unit {
        "s" => number,
        "m" => number.saturating_mul(60),
        "h" => number.saturating_mul(3600),
        _ => return Err(form()),
    };
    Ok(Duration::from_secs(seconds))
}

pub(super) fn run(command: &KeysCommand) -> Result<(), Failure> {
    let settings = SecretSettings::load(&ProcessEnvironment).map_err(Failure::other)?;
    let ambient = ambient()?;
    runtime()?.block_on(async {
        if settings.key_vault_url.is_none() {
            return without_vault(command, &ambient);
        }
        let identity = identity(&settings, &ambient)?;
        let vault = app::vault(&settings, Some(&identity), &ambient).map_err(Failure::other)?;
        let vault = vault.ok_or_else(|| Failure::other("ENTRADA_KEY_VAULT_URL is not set"))?;
        let keys = Keys {
            vault,
            identity,
            ambient: &ambient,
            asked: OnceCell::new(),
        };
        match command {
            KeysCommand::Init(arguments) => keys.init(arguments.wait).await,
            KeysCommand::Rotate(arguments) => keys.rotate(arguments).await,
            KeysCommand::List => keys.list().await,
        }
    })
}

fn without_vault(command: &KeysCommand, ambient: &Ambient) -> Result<(), Failure> {
    if !matches!(command, KeysCommand::Init(_)) {
        return Err(Failure::other(
            "ENTRADA_KEY_VAULT_URL is not set: which key vault holds the key ring?",
        ));
    }
    let ring = KeyRing::generate(ambient.clock.as_ref(), ambient.random.as_ref())
        .map_err(|error| Failure::other(chain(&error)))?;
    let note = "ENTRADA_KEY_VAULT_URL is not set, so here is a new key ring for ENTRADA_KEY_RING. \
                It is a secret.";
    writeln!(std::io::stderr(), "{note}").map_err(Failure::other)?;
    // The ring is the result: nobody has it when this cannot be written.
    let mut output = std::io::stdout().lock();
    writeln!(output, "{}", ring.expose_secret())
        .and_then(|()| output.flush())
        .map_err(Failure::other)
}

/// What went wrong, and what to do about it.
fn explain(error: &VaultError, vault: &Vault) -> Failure {
    let advice = match error {
        VaultError::Forbidden { .. } => {
            "\nWho runs this needs the role Key Vault Secrets Officer at the vault:\n  az role \
             assignment create --role \"Key Vault Secrets Officer\" --assignee <you> --scope <the \
             vault's id>\nA new assignment counts after some minutes: --wait 15m waits for it."
        }
        VaultError::TokenRefused { .. } => {
            "\nThe vault takes tokens of its own tenant alone. Sign in there:\n  az login --tenant \
             <the vault's>"
        }
        VaultError::Blocked { .. } => {
            "\nRun it on a machine in the vault's network, or let your own address in for as long \
             as it takes:\n  az keyvault update --name <the vault> --public-network-access \
             Enabled\n  az keyvault network-rule add --name <the vault> --ip-address <yours>\nA new \
             rule counts after some minutes: --wait 15m waits for it."
        }
        VaultError::Disabled => {
            "\n  az keyvault secret set-attributes --name entrada-key-ring --enabled true \
             --vault-name <the vault>"
        }
        VaultError::NoToken(_) => "\nSign in with `az login` or `azd auth login`.",
        VaultError::Deleted => {
            "\n  az keyvault secret recover --name entrada-key-ring --vault-name <the vault>"
        }
        _ => "",
    };
    Failure::other(format!("{}: {}{advice}", vault.url(), chain(error)))
}

struct Keys<'a> {
    vault: Arc<Vault>,
    identity: Arc<dyn TokenCredential>,
    ambient: &'a Ambient,
    asked: OnceCell<Asked>,
}

impl Keys<'_> {
    fn failed(&self, error: &VaultError) -> Failure {
        explain(error, &self.vault)
    }

    async fn ring(&self) -> Result<SecretString, Failure> {
        let ring = self.vault.read(KEY_RING).await;
        ring.map_err(|error| self.failed(&error))?.ok_or_else(|| {
            let url = self.vault.url();
            Failure::other(format!(
                "{url} holds no key ring yet: make it with `entrada keys init`"
            ))
        })
    }

    /// What storage says of the ring's retired encryption keys, asked once and
    /// only where there are any.
    async fn stored(&self, ring: &SecretString) -> Result<&StoredValues, Failure> {
        let ring = KeyRing::parse(ring).map_err(|error| Failure::other(chain(&error)))?;
        if ring.retired_encryption_keys().is_empty() {
            return Ok(&StoredValues::Unknown);
        }
        let ask = || Asked::storage(&self.identity, self.ambient);
        Ok(&self.asked.get_or_init(ask).await.values)
    }

    async fn write(&self, ring: &SecretString) -> Result<(), VaultError> {
        self.vault.write(KEY_RING, ring, KEY_RING_TYPE).await
    }

    async fn init(&self, patience: Duration) -> Result<(), Failure> {
        let started = self.ambient.clock.monotonic();
        let mut wait = FIRST_WAIT;
        loop {
            let error = match self.try_init().await {
                Ok(outcome) => return self.tell(&outcome).await,
                Err(error) => error,
            };
            let waited = self.ambient.clock.monotonic().saturating_sub(started);
            if !error.may_pass() || waited + wait > patience {
                return Err(self.failed(&error));
            }
            say(&format!(
                "{}: {error}. Trying again in {} s …",
                self.vault.url(),
                wait.as_secs()
            ))?;
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The ring that is in the vault now, and whether it was there before.
    async fn try_init(&self) -> Result<(SecretString, bool), VaultError> {
        if let Some(ring) = self.vault.read(KEY_RING).await? {
            return Ok((ring, true));
        }
        let (clock, random) = (&self.ambient.clock, &self.ambient.random);
        let ring =
            KeyRing::generate(clock.as_ref(), random.as_ref()).map_err(|_| VaultError::NoValue)?;
        self.write(&ring).await?;
        Ok((ring, false))
    }

    async fn tell(&self, (ring, was_there): &(SecretString, bool)) -> Result<(), Failure> {
        let url = self.vault.url();
        if *was_there {
            say(&format!("{url} has a key ring already; it was left alone."))?;
        } else {
            say(&format!(
                "{url} has a key ring now. Servers find it by themselves."
            ))?;
        }
        self.table(ring).await
    }

    async fn list(&self) -> Result<(), Failure> {
        let ring = self.ring().await?;
        self.table(&ring).await
    }

    async fn table(&self, ring: &SecretString) -> Result<(), Failure> {
        let stored = self.stored(ring).await?;
        let keys = KeyRing::list(ring, stored, self.ambient.clock.as_ref());
        let keys = keys.map_err(|error| Failure::other(chain(&error)))?;
        let now = self.ambient.clock.now();
        let mut text = format!("\n  {:<5}{:<10}{:<22}{:<22}", "Use", "State", "Key", "Made");
        for key in &keys {
            let _ = write!(
                text,
                "\n  {:<5}{:<10}{:<22}{:<22}",
                name(key.key_use),
                state(key.state),
                key.kid,
                moment(key.created_at)
            );
            text.push_str(&note(key, now));
        }
        let text: Vec<&str> = text.lines().map(str::trim_end).collect();
        say(&text.join("\n"))?;
        let unknown = |key: &KeyListing| key.need == Some(Need::StorageNotAsked);
        let trouble = self.asked.get().and_then(|asked| asked.trouble.as_ref());
        if let Some(trouble) = trouble.filter(|_| keys.iter().any(unknown)) {
            say(&format!("\nStorage was not asked what it holds: {trouble}"))?;
        }
        Ok(())
    }

    async fn rotate(&self, arguments: &RotateArguments) -> Result<(), Failure> {
        if let Some(kid) = &arguments.drop {
            return self.drop(kid, arguments.compromised).await;
        }
        let uses: Vec<KeyUse> = if arguments.uses.is_empty() {
            vec![KeyUse::Sig, KeyUse::Enc, KeyUse::Mac]
        } else {
            arguments.uses.iter().map(|use_| (*use_).into()).collect()
        };
        if arguments.wait.is_zero() {
            self.step(&uses).await
        } else {
            self.both_steps(&uses, arguments.wait).await
        }
    }

    async fn drop(&self, kid: &str, compromised: bool) -> Result<(), Failure> {
        let (clock, random) = (&self.ambient.clock, &self.ambient.random);
        let ring = self.ring().await?;
        let rotation = if compromised {
            KeyRing::without_leaked(&ring, kid, (clock.as_ref(), random.as_ref()))
        } else {
            KeyRing::without(&ring, kid, self.stored(&ring).await?, clock.as_ref())
        };
        self.keep(&ring, rotation.map_err(Failure::other)?).await
    }

    async fn step(&self, uses: &[KeyUse]) -> Result<(), Failure> {
        let (clock, random) = (&self.ambient.clock, &self.ambient.random);
        let ring = self.ring().await?;
        let stored = self.stored(&ring).await?;
        let rotation = KeyRing::rotate(&ring, uses, stored, (clock.as_ref(), random.as_ref()));
        let rotation = rotation.map_err(Failure::other)?;
        let ready_at = rotation.ready_at;
        self.keep(&ring, rotation).await?;
        if let Some(ready_at) = ready_at {
            say(&format!(
                "\nThe next keys can be used from {}: run `entrada keys rotate` again then.",
                moment(ready_at)
            ))?;
        }
        Ok(())
    }

    /// Both steps, the second for the keys that had to be waited for.
    async fn both_steps(&self, uses: &[KeyUse], patience: Duration) -> Result<(), Failure> {
        let (clock, random) = (&self.ambient.clock, &self.ambient.random);
        let ring = self.ring().await?;
        let stored = self.stored(&ring).await?;
        let begun = KeyRing::begin(&ring, uses, stored, (clock.as_ref(), random.as_ref()));
        let begun = begun.map_err(Failure::other)?;
        let (waiting, ready_at) = (begun.waiting.clone(), begun.ready_at);
        if !begun.steps.is_empty() {
            self.keep(&ring, begun).await?;
        }
        let Some(ready_at) = ready_at else {
            return Ok(());
        };
        self.sleep_until(ready_at, patience).await?;
        let ring = self.ring().await?;
        let stored = self.stored(&ring).await?;
        let done = KeyRing::take_into_use(&ring, &waiting, stored, clock.as_ref());
        self.keep(&ring, done.map_err(Failure::other)?).await
    }

    async fn sleep_until(
        &self,
        moment_: OffsetDateTime,
        patience: Duration,
    ) -> Result<(), Failure> {
        let left = Duration::try_from(moment_ - self.ambient.clock.now()).unwrap_or_default();
        if left > patience {
            return Ok(());
        }
        say(&format!("Waiting until {} …", moment(moment_)))?;
        tokio::time::sleep(left + Duration::from_secs(1)).await;
        Ok(())
    }

    /// Puts a rotated ring into the vault, unless somebody else changed the
    /// one that it was made of meanwhile.
    async fn keep(&self, before: &SecretString, rotation: Rotation) -> Result<(), Failure> {
        if rotation.steps.is_empty() {
            return say("Nothing to do.");
        }
        if self.ring().await?.expose_secret() != before.expose_secret() {
            return Err(Failure::other(
                "somebody else changed the key ring at the same moment; look at it with `entrada \
                 keys list` and try again",
            ));
        }
        self.write(&rotation.ring)
            .await
            .map_err(|error| self.failed(&error))?;
        for step in &rotation.steps {
            say(&format!("{} {}", step.kid, what_happened(step)))?;
        }
        self.table(&rotation.ring).await
    }
}

/// What is to be said about a key beside its state.
fn note(key: &KeyListing, now: OffsetDateTime) -> String {
    match (key.ready_at, &key.need) {
        (_, Some(need)) => need.to_string(),
        (Some(ready_at), None) if ready_at > now => {
            format!("can be used from {}", moment(ready_at))
        }
        (Some(_), None) => "can be used: `entrada keys rotate`".to_owned(),
        (None, None) => String::new(),
    }
}

fn what_happened(step: &Step) -> String {
    let name = name(step.key_use);
    match step.state {
        Some(KeyState::Next) => format!("was published ({name})"),
        Some(KeyState::Current) => format!("is in use ({name})"),
        Some(KeyState::Retired) => format!("has retired ({name})"),
        None => format!("is gone ({name})"),
    }
}

fn name(key_use: KeyUse) -> &'static str {
    match key_use {
        KeyUse::Sig => "sig",
        KeyUse::Enc => "enc",
        KeyUse::Mac => "mac",
    }
}

fn state(state: KeyState) -> &'static str {
    match state {
        KeyState::Next => "next",
        KeyState::Current => "current",
        KeyState::Retired => "retired",
    }
}

fn moment(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_seconds_minutes_and_hours() {
        assert_eq!(duration("15m").unwrap(), Duration::from_mins(15));
        assert_eq!(duration("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(duration("1h").unwrap(), Duration::from_hours(1));
        for wrong in ["", "m", "15", "1d", "-1s", "1,5m", "é"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
