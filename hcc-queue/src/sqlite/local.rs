//! Only a local file system will do.

use std::io;
use std::path::Path;

/// Refuses a place that other machines may write to: nobody here is told when they
/// do, and SQLite's log needs memory that all who use it share.
#[cfg(target_os = "linux")]
pub(super) fn require_local(path: &Path) -> io::Result<()> {
    // What tells file systems apart has 32 bits, whatever holds it.
    let kind = rustix::fs::statfs(path)?.f_type as u32;
    match network(kind) {
        None => Ok(()),
        Some(name) => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("it lies on {name}, and must not lie on a network file system"),
        )),
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn require_local(_: &Path) -> io::Result<()> {
    Ok(())
}

/// The name of a network file system, by the number that `statfs(2)` lists.
#[cfg(target_os = "linux")]
fn network(kind: u32) -> Option<&'static str> {
    Some(match kind {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        _ => return None,
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn network_file_systems_are_refused_and_local_ones_are_not() {
        // ext4, tmpfs, Btrfs, XFS, overlayfs; FUSE and 9P may be either.
        for local in [
            0xef53,
            0x0102_1994,
            0x9123_683e,
            0x5846_5342,
            0x794c_7630,
            0x6573_5546,
            0x0102_1997,
        ] {
            assert_eq!(network(local), None);
        }
        assert_eq!(network(0x6969), Some("NFS"));
        assert_eq!(network(0xfe53_4d42), Some("SMB"));
        require_local(&std::env::temp_dir()).unwrap();
    }
}
