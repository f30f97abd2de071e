use std::sync::LazyLock;

use uuid::{Uuid, uuid};

use super::{CONTOSO, FABRIKAM};

/// Whether a token for this persona names a person or an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A person, who signs in.
    User,
    /// A service principal, which has app-only tokens.
    Application,
}

/// Someone who can hold a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Persona {
    /// Short name: `reader`.
    pub name: &'static str,
    /// Home tenant, the `tid` of tokens.
    pub tenant: Uuid,
    /// Object id, the `oid` of tokens.
    pub object_id: Uuid,
    /// Name for people, the `name` claim.
    pub display_name: &'static str,
    /// User principal name, the `preferred_username` and `upn` claims; empty
    /// for an application.
    pub user_principal_name: &'static str,
    /// App roles on the registered application that the tenant gives.
    pub roles: &'static [&'static str],
    /// Person or application.
    pub kind: Kind,
    /// May consent to what needs an administrator, for this tenant.
    pub administrator: bool,
    /// One line that says what this persona is for.
    pub description: &'static str,
}

impl Persona {
    /// A member of Contoso; the fields that differ are filled in by struct
    /// update.
    const fn member(name: &'static str, object_id: Uuid) -> Self {
        Self {
            name,
            tenant: CONTOSO,
            object_id,
            display_name: "",
            user_principal_name: "",
            roles: &[],
            kind: Kind::User,
            administrator: false,
            description: "",
        }
    }
}

const PERSONAS: &[Persona] = &[
    Persona {
        display_name: "Rita Reader",
        user_principal_name: "reader@contoso.example",
        roles: &["Task.Read"],
        description: "May read, and nothing else",
        ..Persona::member("reader", uuid!("0b1ec700-0000-4000-8000-000000000011"))
    },
    Persona {
        display_name: "Walter Writer",
        user_principal_name: "writer@contoso.example",
        roles: &["Task.Write"],
        description: "May read and write",
        ..Persona::member("writer", uuid!("0b1ec700-0000-4000-8000-000000000012"))
    },
    Persona {
        display_name: "Dora Deleter",
        user_principal_name: "deleter@contoso.example",
        roles: &["Task.Delete"],
        description: "May read and delete",
        ..Persona::member("deleter", uuid!("0b1ec700-0000-4000-8000-000000000013"))
    },
    Persona {
        display_name: "Alma All",
        user_principal_name: "all@contoso.example",
        roles: &["Task.All"],
        description: "May do everything but administer",
        ..Persona::member("all", uuid!("0b1ec700-0000-4000-8000-000000000014"))
    },
    Persona {
        display_name: "Adam Admin",
        user_principal_name: "admin@contoso.example",
        roles: &["MCPServer.Admin"],
        administrator: true,
        description: "Administers the server, but has no task role",
        ..Persona::member("admin", uuid!("0b1ec700-0000-4000-8000-000000000015"))
    },
    Persona {
        display_name: "Nora Norole",
        user_principal_name: "norole@contoso.example",
        description: "Can sign in but has no role",
        ..Persona::member("norole", uuid!("0b1ec700-0000-4000-8000-000000000016"))
    },
    Persona {
        tenant: FABRIKAM,
        display_name: "Gus Guest",
        user_principal_name: "guest@fabrikam.example",
        roles: &["Task.Read"],
        description: "May read, as another organisation decided",
        ..Persona::member("guest", uuid!("0b1ec700-0000-4000-8000-000000000021"))
    },
    Persona {
        display_name: "Contoso Daemon",
        roles: &["Task.Read"],
        kind: Kind::Application,
        description: "A background service that signs in as itself",
        ..Persona::member("daemon", uuid!("0b1ec700-0000-4000-8000-000000000031"))
    },
];

/// How many people are in the [`crowd`].
const MANY: usize = 32;

static CROWD: LazyLock<[Persona; MANY]> = LazyLock::new(|| {
    let first = uuid!("0b1ec700-0000-4000-8000-000000000100").as_u128();
    let mut ids = (first..).map(Uuid::from_u128);
    std::array::from_fn(|_| Persona {
        display_name: "Cleo Crowd",
        user_principal_name: "crowd@contoso.example",
        roles: &["Task.Read"],
        description: "One of many who come at a time",
        ..Persona::member("crowd", ids.next().unwrap_or_default())
    })
});

/// Members of Contoso who differ in nothing but their object id, for what
/// needs many people at a time. Nobody signs in as one of them; their tokens
/// are minted, with the `oid` set.
#[must_use]
pub fn crowd() -> &'static [Persona] {
    CROWD.as_slice()
}

/// The person or application with this object id in this tenant.
pub(crate) fn persona_by_id(object_id: Uuid, tenant: Uuid) -> Option<&'static Persona> {
    let everybody = PERSONAS.iter().chain(crowd());
    let mut found = everybody.filter(|persona| persona.object_id == object_id);
    found.find(|persona| persona.tenant == tenant)
}

/// Every persona, in the order in which people should see them.
#[must_use]
pub fn personas() -> &'static [Persona] {
    PERSONAS
}

/// The persona with this short name or user principal name, whatever its
/// case; the first of the crowd for theirs.
#[must_use]
pub fn persona(name: &str) -> Option<&'static Persona> {
    if name.is_empty() {
        return None;
    }
    PERSONAS.iter().chain(crowd()).find(|persona| {
        persona.name.eq_ignore_ascii_case(name)
            || persona.user_principal_name.eq_ignore_ascii_case(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_found_by_object_id() {
        let crowd = crowd();
        for person in personas().iter().chain(crowd) {
            let found = persona_by_id(person.object_id, person.tenant);
            assert_eq!(found, Some(person));
        }
        let stranger = persona_by_id(crowd[0].object_id, FABRIKAM);
        assert_eq!(stranger, None);
        assert!(!personas().iter().any(|person| person.name == "crowd"));
    }

    #[test]
    fn personas_are_found_by_name_and_user_principal_name() {
        assert_eq!(persona("reader"), persona("Reader@contoso.example"));
        assert!(persona("reader").is_some());
        assert!(persona("").is_none());
    }
}
