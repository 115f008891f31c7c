//! Waking up when something in a folder changes.

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

    const BOUND: Duration = Duration::from_secs(10);

    /// One change is told in several words; when no more come, the next is of another.
    const QUIET: Duration = Duration::from_millis(200);

    macro_rules! tests {
        ($($module:ident)*) => {$(
            mod $module {
                use super::*;

                #[tokio::test]
                async fn change_wakes_who_watches_and_who_has_looked_away() {
                    let folder = TempDir::new().unwrap();
                    let file = folder.path().join("msg");
                    let mut watch = super::super::$module::Watch::new().unwrap();
                    watch.watch(folder.path()).unwrap();

                    fs::write(&file, "made").unwrap();
                    timeout(BOUND, watch.changed()).await.unwrap().unwrap();
                    while timeout(QUIET, watch.changed()).await.is_ok() {}
                    fs::write(&file, "written").unwrap();
                    timeout(BOUND, watch.changed()).await.unwrap().unwrap();
                    while timeout(QUIET, watch.changed()).await.is_ok() {}
                    fs::remove_file(&file).unwrap();
                    timeout(BOUND, watch.changed()).await.unwrap().unwrap();
                }

                #[tokio::test]
                async fn another_folder_takes_the_place_of_the_first() {
                    let (first, second) = (TempDir::new().unwrap(), TempDir::new().unwrap());
                    let mut watch = super::super::$module::Watch::new().unwrap();
                    watch.watch(first.path()).unwrap();
                    drop(first);

                    watch.watch(second.path()).unwrap();
                    // The end of the first may wake as well.
                    while timeout(QUIET, watch.changed()).await.is_ok() {}
                    fs::write(second.path().join("msg"), "made").unwrap();
                    timeout(BOUND, watch.changed()).await.unwrap().unwrap();
                }
            }
        )*};
    }

    tests! { linux portable }
}
