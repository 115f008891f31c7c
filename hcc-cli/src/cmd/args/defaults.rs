//! Properties of new servers.
//!
//! The variables are read as settings, so that messages can name them.

/// Properties of new servers, for `create` and `setup`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Defaults {
    /// Type of new servers, or several, separated by commas [env: HCC_TYPE]
    #[arg(long = "type", value_name = "TYPE")]
    #[arg(long_help = "Type of new servers, or several, separated by commas\n\n[env: HCC_TYPE]")]
    pub(crate) server_type: Option<String>,

    /// Image of new servers [env: HCC_IMAGE]
    #[arg(id = "image_flag", long = "image", value_name = "IMAGE")]
    #[arg(long_help = "Image of new servers\n\n[env: HCC_IMAGE]")]
    pub(crate) image: Option<String>,

    /// Location of new servers, or several, separated by commas [env: HCC_LOCATION]
    #[arg(id = "location_flag", long = "location", value_name = "LOCATION")]
    #[arg(
        long_help = "Location of new servers, or several, separated by commas\n\n[env: HCC_LOCATION]"
    )]
    pub(crate) location: Option<String>,
}
