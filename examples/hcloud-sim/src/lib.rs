//! A simulated Hetzner Cloud.
