//! Depends on the libraries as a program outside of the workspace does; `cargo xtask msrv` checks it.
