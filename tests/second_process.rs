//! What takes a second process to see: who has the database open, and what a process without permission is told.
//!
//! The second process is this program itself, told what to do by its arguments; hence a `main` of its own.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bitcoin::{Network, Script, ScriptBuf};
use futures::executor::block_on;
use lightning_arbitrator::chain::{ChainPolicy, EsploraSource};
use lightning_arbitrator::store::{Store, StoreError, Unsealed};
use lightning_arbitrator::wallet::WalletError;
use lightning_arbitrator::{ArbitratorError, ChainArbitrator, Config, OnchainWallet, SeedSigner};
use tempfile::TempDir;

/// The argument that makes this program the second process.
const SECOND: &str = "--second-process";

/// "nobody": permissions bind it, which root they do not.
const NOBODY: u32 = 65_534;

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, Network::Regtest, Arc::new(Unsealed))
}

struct NoWallet;

impl OnchainWallet for NoWallet {
    fn is_our_address(&self, _: &Script) -> Result<bool, WalletError> {
        Ok(false)
    }

    fn sweep_script(&self) -> Result<ScriptBuf, WalletError> {
        Err(WalletError("there is none".into()))
    }
}

/// Opens it as an app does; it is closed again at once. Nothing is asked of any server.
fn open_app(path: &Path, wait_for_lock: Option<Duration>) -> Result<(), ArbitratorError> {
    let chain = EsploraSource::new("http://127.0.0.1:9", ChainPolicy::default());
    let mut config = Config::new(
        Network::Regtest,
        path,
        Arc::new(chain.expect("a good URL")),
        Arc::new(SeedSigner::new(&[7; 32]).expect("32 bytes")),
        Arc::new(NoWallet),
        Arc::new(Unsealed),
    );
    config.wait_for_lock = wait_for_lock;
    block_on(ChainArbitrator::open(config)).map(drop)
}

type Test = fn(&World);

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() == Some(SECOND) {
        return second(&PathBuf::from(arguments.next().expect("a path")));
    }
    let tests: [(&str, Test); 8] = [
        ("a_database_another_process_has_open_is_in_use", in_use),
        (
            "a_database_is_free_when_the_other_process_is_killed",
            killed,
        ),
        (
            "a_database_is_free_when_the_other_process_closes_it",
            closed,
        ),
        (
            "whoever_waits_gets_it_when_the_other_ends",
            waits_and_gets_it,
        ),
        ("whoever_waits_gives_up_in_the_end", waits_and_gives_up),
        ("whoever_does_not_wait_is_told_at_once", does_not_wait),
        ("a_file_that_must_not_be_written_is_refused", read_only_file),
        (
            "a_file_in_a_directory_that_must_not_be_written_is_refused",
            read_only_directory,
        ),
    ];
    for (name, test) in tests {
        // A failed assertion ends the program with an error.
        test(&World::new());
        println!("test {name} ... ok");
    }
    ExitCode::SUCCESS
}

/// The second process: says how opening went, and keeps the database until its input ends.
fn second(path: &Path) -> ExitCode {
    match open(path) {
        Ok(store) => {
            println!("open");
            let mut line = String::new();
            std::io::stdin().read_line(&mut line).expect("a pipe");
            drop(store);
            println!("closed");
        }
        Err(error) => println!("{error:?}"),
    }
    ExitCode::SUCCESS
}

/// A directory with a database, and a copy of this program that everybody may run.
struct World {
    directory: TempDir,
    program: PathBuf,
    database: PathBuf,
}

impl World {
    fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let program = directory.path().join("second");
        let myself = std::env::current_exe().expect("it runs");
        fs::copy(myself, &program).expect("the directory is ours");
        let database = directory.path().join("data/phone.sqlite");
        fs::create_dir(directory.path().join("data")).expect("the directory is ours");
        drop(open(&database).expect("a new one"));
        World {
            directory,
            program,
            database,
        }
    }

    fn permit(&self, path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
    }

    fn start(&self, user: Option<u32>) -> Second {
        let mut command = Command::new(&self.program);
        command.arg(SECOND).arg(&self.database);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user);
        }
        let mut child = command.spawn().expect("it is executable");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Second { child, output }
    }

    /// What a process that permissions bind is told. The database stays as it is.
    fn told_without_permission(&self) -> String {
        self.permit(self.directory.path(), 0o755);
        self.permit(&self.program, 0o755);
        let before = fs::read(&self.database).expect("readable");
        // Root drops its powers; anybody else never had them.
        let is_root = fs::metadata("/proc/self").is_ok_and(|it| it.uid() == 0);
        let told = self.start(is_root.then_some(NOBODY)).says();
        assert!(fs::read(&self.database).expect("readable") == before);
        told
    }
}

struct Second {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

impl Second {
    fn says(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a pipe");
        line.trim_end().to_string()
    }
}

impl Drop for Second {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn in_use(world: &World) {
    let mut second = world.start(None);
    assert_eq!(second.says(), "open");
    assert!(
        matches!(open(&world.database), Err(StoreError::InUse { path }) if Path::new(&path) == world.database)
    );
    // And the other way round.
    drop(second);
    let first = open(&world.database).expect("it is free");
    assert!(world.start(None).says().starts_with("InUse"));
    drop(first);
}

fn killed(world: &World) {
    let mut second = world.start(None);
    assert_eq!(second.says(), "open");
    second.child.kill().expect("it runs");
    second.child.wait().expect("it ends");
    open(&world.database).expect("the lock died with it");
}

fn closed(world: &World) {
    let mut second = world.start(None);
    assert_eq!(second.says(), "open");
    let mut input = second.child.stdin.take().expect("piped");
    input.write_all(b"close\n").expect("it listens");
    assert_eq!(second.says(), "closed");
    second.child.wait().expect("it ends");
    open(&world.database).expect("it is free");
}

fn waits_and_gets_it(world: &World) {
    let mut second = world.start(None);
    assert_eq!(second.says(), "open");
    let patience = Duration::from_secs(60);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| open_app(&world.database, Some(patience)));
        let mut input = second.child.stdin.take().expect("piped");
        input.write_all(b"close\n").expect("it listens");
        assert_eq!(second.says(), "closed");
        waiting.join().expect("no panic").expect("it is free");
    });
}

fn waits_and_gives_up(world: &World) {
    let mut second = world.start(None);
    assert_eq!(second.says(), "open");
    assert_in_use(open_app(&world.database, Some(Duration::from_millis(100))));
}

fn does_not_wait(world: &World) {
    let mut second = world.start(None);
    assert_eq!(second.says(), "open");
    assert_in_use(open_app(&world.database, None));
}

#[track_caller]
fn assert_in_use(opened: Result<(), ArbitratorError>) {
    assert!(
        matches!(
            opened,
            Err(ArbitratorError::Store(StoreError::InUse { .. }))
        ),
        "{opened:?}"
    );
}

fn read_only_file(world: &World) {
    let directory = world.database.parent().expect("a file");
    let lock = world.database.with_extension("sqlite-lock");
    world.permit(directory, 0o777);
    world.permit(&lock, 0o666);
    world.permit(&world.database, 0o444);
    let told = world.told_without_permission();
    assert!(told.starts_with("ReadOnly"), "{told}");
}

fn read_only_directory(world: &World) {
    let directory = world.database.parent().expect("a file");
    let lock = world.database.with_extension("sqlite-lock");
    world.permit(&world.database, 0o666);
    // With the lock file there already, and without.
    world.permit(&lock, 0o666);
    world.permit(directory, 0o555);
    let told = world.told_without_permission();
    assert!(told.starts_with("ReadOnly"), "{told}");
    world.permit(directory, 0o755);
    fs::remove_file(&lock).expect("it is ours");
    world.permit(directory, 0o555);
    let told = world.told_without_permission();
    assert!(told.starts_with("ReadOnly"), "{told}");
    world.permit(directory, 0o755);
}
