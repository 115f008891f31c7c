//! Refusal of network file systems.

use std::io;
use std::path::Path;

/// Refuses a path on a network file system: SQLite's write-ahead log needs memory shared by all
/// processes that use it, and changes by other machines raise no notification here.
#[cfg(target_os = "linux")]
pub(super) fn require_local(path: &Path) -> io::Result<()> {
    // File system numbers have 32 bits, whatever the type of the field.
    refuse_network(rustix::fs::statfs(path)?.f_type as u32)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn require_local(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Refuses the number of a network file system, as listed by `statfs(2)`.
#[cfg(target_os = "linux")]
fn refuse_network(number: u32) -> io::Result<()> {
    let name = match number {
        0x6969 => "NFS",
        0x517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x00c3_6400 => "Ceph",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x7375_7245 => "Coda",
        0x0bd0_0bd0 => "Lustre",
        0x0116_1970 => "GFS2",
        0x7461_636f => "OCFS2",
        _ => return Ok(()),
    };
    let message = format!("network file systems are not supported, and this one is {name}");
    Err(io::Error::new(io::ErrorKind::Unsupported, message))
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
            refuse_network(local).unwrap();
        }
        for (network, name) in [(0x6969, "NFS"), (0xfe53_4d42, "SMB")] {
            let error = refuse_network(network).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Unsupported);
            assert!(error.to_string().contains(name), "{error}");
        }
        require_local(&std::env::temp_dir()).unwrap();
    }
}
