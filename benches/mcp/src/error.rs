use std::io;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A server could not be started, asked or watched.
    #[error("{what}: {source}")]
    Io {
        what: &'static str,
        source: io::Error,
    },
    /// HTTP to a server broke.
    #[error("{what}: {source}")]
    Http {
        what: &'static str,
        source: hyper::Error,
    },
    /// A server answered, but not as it must: its figures would mean nothing.
    #[error("{server} answered {status}: {body}")]
    Answer {
        server: &'static str,
        status: u16,
        body: String,
    },
    /// A server did not begin to answer in time.
    #[error("{0} did not answer within 30 s")]
    Silent(&'static str),
    /// Chat did not go as it must.
    #[error("chat: {0}")]
    Chat(&'static str),
    /// The stand-ins, keys or tokens could not be made.
    #[error("{what}: {source}")]
    Preparation {
        what: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    pub(crate) fn http(what: &'static str) -> impl FnOnce(hyper::Error) -> Self {
        move |source| Self::Http { what, source }
    }

    pub(crate) fn preparing<E>(what: &'static str) -> impl FnOnce(E) -> Self
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        move |source| Self::Preparation {
            what,
            source: source.into(),
        }
    }
}
