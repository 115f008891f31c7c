use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A file system in memory with little space, unmounted when dropped. Needs root.
#[derive(Debug)]
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts a file system of this size.
    #[must_use]
    pub fn new(kib: u32) -> Self {
        let directory = TempDir::new().unwrap();
        let options = format!("size={kib}k");
        mount(&["-t", "tmpfs", "-o", &options, "none"], directory.path());
        Self(directory)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills it to the last byte.
    pub fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        for size in [4096, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Frees what [`SmallDisk::fill`] took.
    pub fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }

    /// Mounts it again, read-only.
    pub fn make_read_only(&self) {
        mount(&["-o", "remount,ro"], self.path());
    }

    fn filler(&self) -> PathBuf {
        self.path().join("fill")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let lazily = Command::new("umount").arg("-l").arg(self.path()).status();
        assert!(lazily.unwrap().success());
    }
}

fn mount(arguments: &[&str], at: &Path) {
    let status = Command::new("mount").args(arguments).arg(at).status();
    assert!(status.unwrap().success());
}
