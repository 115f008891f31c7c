//! Waiting for changes in a directory.

#[cfg(target_os = "linux")]
mod linux;
// Compiled and tested on Linux too, where it also works.
#[cfg(any(not(target_os = "linux"), test))]
mod portable;

#[cfg(target_os = "linux")]
pub(super) use self::linux::Watch;
#[cfg(not(target_os = "linux"))]
pub(super) use self::portable::Watch;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use tempfile::TempDir;
    use tokio::time::timeout;

    const TIMEOUT: Duration = Duration::from_secs(10);

    /// One change causes several notifications; after this pause, the next is another change.
    const QUIET_PERIOD: Duration = Duration::from_millis(200);

    macro_rules! tests {
        ($($module:ident)*) => {$(
            mod $module {
                use super::*;

                #[tokio::test]
                async fn change_wakes_current_and_later_waits() {
                    let directory = TempDir::new().unwrap();
                    let file = directory.path().join("msg");
                    let mut watch = super::super::$module::Watch::new().unwrap();
                    watch.watch(directory.path()).unwrap();

                    fs::write(&file, "created").unwrap();
                    timeout(TIMEOUT, watch.changed()).await.unwrap().unwrap();
                    while timeout(QUIET_PERIOD, watch.changed()).await.is_ok() {}
                    fs::write(&file, "written").unwrap();
                    timeout(TIMEOUT, watch.changed()).await.unwrap().unwrap();
                    while timeout(QUIET_PERIOD, watch.changed()).await.is_ok() {}
                    fs::remove_file(&file).unwrap();
                    timeout(TIMEOUT, watch.changed()).await.unwrap().unwrap();
                }

                #[tokio::test]
                async fn watch_moves_to_another_directory() {
                    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
                    let mut watch = super::super::$module::Watch::new().unwrap();
                    watch.watch(first.path()).unwrap();
                    drop(first);

                    watch.watch(second.path()).unwrap();
                    // The removal of the first may wake as well.
                    while timeout(QUIET_PERIOD, watch.changed()).await.is_ok() {}
                    fs::write(second.path().join("msg"), "created").unwrap();
                    timeout(TIMEOUT, watch.changed()).await.unwrap().unwrap();
                }
            }
        )*};
    }

    tests! { linux portable }
}
