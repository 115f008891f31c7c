//! Database servers for the duration of a task.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::services;
use crate::workspace::target;

/// A database server with an empty directory, on a free port of the loopback interface.
pub(crate) struct DatabaseServer {
    command: Command,
    child: Child,
    port: u16,
}

impl DatabaseServer {
    /// Starts `mongod`; the name is that of its directory.
    pub(crate) fn mongod(name: &str, python: &Path) -> Result<Self> {
        let (directory, port) = (empty_directory(name)?, free_port()?);
        let mut command = Command::new(services::mongod(python)?);
        command
            .args(["--quiet", "--bind_ip", "127.0.0.1"])
            .args(["--port", &port.to_string()])
            .args(["--wiredTigerCacheSizeGB", "0.25", "--dbpath"])
            .arg(directory);
        Self::start(command, port)
    }

    /// Starts a Redis server that writes every change to its file at once.
    pub(crate) fn redis(name: &str) -> Result<Self> {
        let (directory, port) = (empty_directory(name)?, free_port()?);
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "always"])
            .args(["--save", "", "--dir"])
            .arg(directory);
        Self::start(command, port)
    }

    fn start(mut command: Command, port: u16) -> Result<Self> {
        command.stdout(Stdio::null());
        let child = command.spawn().context("failed to start a database")?;
        let server = Self {
            command,
            child,
            port,
        };
        server.wait_until_connected()?;
        Ok(server)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server, and starts it again with what it has stored.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        self.child = self.command.spawn()?;
        self.wait_until_connected()
    }

    fn wait_until_connected(&self) -> Result<()> {
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            ensure!(
                begin.elapsed() < Duration::from_secs(60),
                "the database does not accept connections"
            );
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Drop for DatabaseServer {
    fn drop(&mut self) {
        // Fails if the same Ctrl-C has ended it already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a directory for a task, without what an earlier run may have left in it.
pub(crate) fn empty_directory(name: &str) -> Result<std::path::PathBuf> {
    let directory = target().join(name);
    // There may be none.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory)?;
    Ok(directory)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
