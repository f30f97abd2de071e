//! What the program needs of the machine that runs it.

use std::path::Path;

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader;

use crate::error::Error;

/// A version of glibc, such as (2, 28).
type Version = (u32, u32);

/// The newest version whose symbols the program may need.
const NEWEST: Version = (2, 28);

/// Refuses a program that needs symbols of a newer glibc than the oldest
/// system that Functions may run it on. Returns the newest that it needs.
///
/// # Errors
/// When it needs a newer one, or is no program for Linux.
pub(crate) fn check(program: &Path) -> Result<String, Error> {
    let bytes = std::fs::read(program).map_err(Error::file(program))?;
    let needed = glibc_versions(&bytes)
        .map_err(|error| Error::Rule(format!("{}: {error}", program.display())))?;
    let Some((major, minor)) = needed.iter().copied().max() else {
        return Err(Error::Rule("the program names no version of glibc".into()));
    };
    if (major, minor) > NEWEST {
        return Err(Error::Rule(format!(
            "the program needs glibc {major}.{minor}, newer than {}.{}",
            NEWEST.0, NEWEST.1
        )));
    }
    Ok(format!("{major}.{minor}"))
}

/// The versions `GLIBC_x.y` that a program's symbols are bound to (System V
/// ABI, "Symbol Versioning": section `.gnu.version_r`).
fn glibc_versions(bytes: &[u8]) -> Result<Vec<Version>, object::read::Error> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, bytes)?;
    let Some((libraries, strings)) = sections.gnu_verneed(endian, bytes)? else {
        return Ok(Vec::new());
    };
    let strings = sections.strings(endian, bytes, strings)?;
    let mut versions = Vec::new();
    for library in libraries {
        let (_, needs) = library?;
        for need in needs {
            versions.extend(glibc_version(need?.name(endian, strings)?));
        }
    }
    Ok(versions)
}

/// `GLIBC_2.28` or `GLIBC_2.3.4`.
fn glibc_version(name: &[u8]) -> Option<Version> {
    let name = std::str::from_utf8(name).ok()?;
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        assert_eq!(glibc_version(b"GLIBC_2.3.4"), Some((2, 3)));
        assert_eq!(glibc_version(b"GLIBC_2.28"), Some((2, 28)));
        assert!(glibc_version(b"GLIBC_2.9") < glibc_version(b"GLIBC_2.28"));
        assert_eq!(glibc_version(b"GLIBC_PRIVATE"), None);
        assert_eq!(glibc_version(b"GCC_3.0"), None);
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn the_versions_that_a_program_needs_are_found() {
        // This test's own program, linked against this machine's glibc.
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let versions = glibc_versions(&bytes).unwrap();
        assert!(versions.contains(&(2, 2)), "{versions:?}");
    }
}
