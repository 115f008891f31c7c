//! Properties of new servers.

/// Properties of new servers, for `create` and `setup`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Defaults {
    /// Type of new servers
    #[arg(long = "type", value_name = "TYPE", env = "HCC_TYPE")]
    #[arg(hide_env_values = true)]
    pub(crate) server_type: Option<String>,

    /// Image of new servers
    #[arg(id = "image_flag", long = "image", value_name = "IMAGE")]
    #[arg(env = "HCC_IMAGE", hide_env_values = true)]
    pub(crate) image: Option<String>,

    /// Location of new servers
    #[arg(id = "location_flag", long = "location", value_name = "LOCATION")]
    #[arg(env = "HCC_LOCATION", hide_env_values = true)]
    pub(crate) location: Option<String>,
}
