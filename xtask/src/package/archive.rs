use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use zip::write::{SimpleFileOptions, ZipWriter};
use zip::{CompressionMethod, DateTime};

use super::folder::LOCAL_SETTINGS;
use crate::error::Error;

/// Writes every file under `folder` to `archive`, without a leading folder.
/// Local settings stay on this machine: they have secrets in them.
///
/// The same files give the same bytes: entries are sorted, times fixed, and of
/// the permissions only the executable bit of `executable` counts.
pub(crate) fn write(folder: &Path, archive: &Path, executable: &str) -> Result<(), Error> {
    let file = File::create(archive).map_err(Error::file(archive))?;
    let failed = |source| Error::Archive {
        path: archive.to_path_buf(),
        source,
    };
    let mut writer = ZipWriter::new(BufWriter::new(file));
    for path in files_under(folder)? {
        let name = name_in(folder, &path);
        if name == LOCAL_SETTINGS {
            continue;
        }
        let mode = if name == executable { 0o755 } else { 0o644 };
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(mode);
        writer.start_file(name, options).map_err(failed)?;
        let mut content = File::open(&path).map_err(Error::file(&path))?;
        io::copy(&mut content, &mut writer).map_err(Error::file(archive))?;
    }
    let file = writer.finish().map_err(failed)?;
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .map_err(Error::file(archive))
}

/// The path inside the archive, with forward slashes (APPNOTE.TXT 4.4.17).
fn name_in(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}

fn files_under(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(Error::file(&folder))? {
            let path = entry.map_err(Error::file(&folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(at: &Path) {
        std::fs::create_dir_all(at.join("web")).unwrap();
        std::fs::write(at.join("web/function.json"), "{}").unwrap();
        std::fs::write(at.join("program"), vec![7; 100_000]).unwrap();
        std::fs::write(at.join("host.json"), "{\"version\":\"2.0\"}").unwrap();
    }

    #[test]
    fn entries_have_no_leading_folder_and_the_program_stays_executable() {
        let place = tempfile::tempdir().unwrap();
        package(&place.path().join("dist"));
        // Not deployed.
        let settings = place.path().join("dist/local.settings.json");
        std::fs::write(settings, "{}").unwrap();
        let path = place.path().join("dist.zip");
        write(&place.path().join("dist"), &path, "program").unwrap();
        let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
        let entries: Vec<_> = (0..archive.len())
            .map(|index| {
                let entry = archive.by_index(index).unwrap();
                (
                    entry.name().unwrap().into_owned(),
                    entry.unix_mode().unwrap() & 0o777,
                )
            })
            .collect();
        let expected = [
            ("host.json".to_owned(), 0o644),
            ("program".to_owned(), 0o755),
            ("web/function.json".to_owned(), 0o644),
        ];
        assert_eq!(entries, expected);
    }

    #[test]
    fn the_same_files_written_later_give_the_same_archive() {
        let place = tempfile::tempdir().unwrap();
        let archives = ["one", "two"].map(|name| {
            let folder = place.path().join(name);
            package(&folder);
            let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(9);
            if name == "two" {
                let file = File::options().write(true).open(folder.join("program"));
                file.unwrap().set_modified(old).unwrap();
            }
            let archive = place.path().join(format!("{name}.zip"));
            write(&folder, &archive, "program").unwrap();
            std::fs::read(archive).unwrap()
        });
        assert_eq!(archives[0], archives[1]);
    }
}
