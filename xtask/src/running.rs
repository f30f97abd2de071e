//! A program that runs, and all that it starts itself.

use std::io;
use std::process::{Child, Command, ExitStatus, Stdio};

/// Ends a process group when its own input ends, which is when whoever holds
/// the other end wants it, or is gone: by Ctrl-C, or however else.
#[cfg(unix)]
const GUARD: &str = "cat > /dev/null; kill -s KILL -- \"-$1\"";

/// A running program. Dropping it ends the program, and with it what it
/// started: `cargo test` its tests, and those their servers.
#[derive(Debug)]
pub(crate) struct Running {
    program: Child,
    guard: Option<Child>,
}

impl Running {
    /// Starts a program, in a process group of its own where there is such a
    /// thing. Ctrl-C does not reach that group: its guard sees this process end.
    ///
    /// # Errors
    /// When it, or its guard, cannot start.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let program = in_its_own_group(command).spawn()?;
        let mut running = Self {
            program,
            guard: None,
        };
        running.guard = guard(running.program.id())?;
        Ok(running)
    }

    /// How the program ended, if it has.
    ///
    /// # Errors
    /// When the system does not say.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.program.try_wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let has_ended = matches!(self.program.try_wait(), Ok(Some(_)));
        if let Some(guard) = &mut self.guard {
            if has_ended {
                drop(guard.kill());
            }
            drop(guard.stdin.take());
            drop(guard.wait());
        }
        // Where there is no group; elsewhere it is gone already.
        drop(self.program.kill());
        drop(self.program.wait());
    }
}

#[cfg(unix)]
fn in_its_own_group(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0)
}

#[cfg(not(unix))]
fn in_its_own_group(command: &mut Command) -> &mut Command {
    command
}

/// The guard of a process group. It is in a group of its own as well, which
/// Ctrl-C does not end before it has done its work.
#[cfg(unix)]
fn guard(group: u32) -> io::Result<Option<Child>> {
    let mut command = Command::new("sh");
    command
        .args(["-c", GUARD, "guard", &group.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    in_its_own_group(&mut command).spawn().map(Some)
}

#[cfg(not(unix))]
fn guard(_: u32) -> io::Result<Option<Child>> {
    Ok(None)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::stopwatch::Stopwatch;

    use super::*;

    /// Starts a program that starts one in turn, which sleeps; the id of that
    /// one.
    fn nested(folder: &Path, end: &str) -> (Running, String) {
        let file = folder.join("process");
        let inner = "echo $$ > process.new; mv process.new process; exec sleep 60";
        let script = format!("sh -c '{inner}' & {end}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(folder);
        let running = Running::start(&mut command).unwrap();
        let waiting = Stopwatch::start();
        while !file.exists() {
            assert!(waiting.read() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(10));
        }
        let id = std::fs::read_to_string(file).unwrap();
        (running, id.trim().to_owned())
    }

    /// Whether a process runs. A dead one that nobody has awaited does not.
    fn runs(id: &str) -> bool {
        let state = Command::new("ps").args(["-o", "stat=", "-p", id]).output();
        let state = String::from_utf8(state.unwrap().stdout).unwrap();
        !state.trim().is_empty() && !state.trim().starts_with('Z')
    }

    fn ends(id: &str) -> bool {
        let waiting = Stopwatch::start();
        while runs(id) {
            if waiting.read() > Duration::from_secs(10) {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    #[test]
    fn what_a_program_started_ends_with_it() {
        let place = tempfile::tempdir().unwrap();
        let (running, sleep) = nested(place.path(), "wait");
        assert!(runs(&sleep));
        drop(running);
        assert!(ends(&sleep));
    }

    /// As when this process is gone: nobody holds the guard's input any more.
    #[test]
    fn it_ends_when_nobody_is_left_who_waits() {
        let place = tempfile::tempdir().unwrap();
        let (mut running, sleep) = nested(place.path(), "wait");
        drop(running.guard.as_mut().unwrap().stdin.take());
        assert!(ends(&sleep));
    }

    #[test]
    fn the_guard_goes_with_a_program_that_ends_by_itself_and_ends_nothing() {
        let place = tempfile::tempdir().unwrap();
        let (mut running, sleep) = nested(place.path(), "exit 3");
        let waiting = Stopwatch::start();
        let status = loop {
            if let Some(status) = running.ended().unwrap() {
                break status;
            }
            assert!(waiting.read() < Duration::from_secs(20));
        };
        assert_eq!(status.code(), Some(3));
        let guard = running.guard.as_ref().unwrap().id().to_string();
        drop(running);
        assert!(!runs(&guard));
        assert!(runs(&sleep), "it was left in the background on purpose");
        drop(Command::new("kill").args(["-KILL", &sleep]).status());
    }
}
