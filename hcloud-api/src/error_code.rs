//! The error codes of the API.

open_enum! {
    /// What went wrong, as the API names it.
    pub enum ErrorCode {
        /// The request's body is not valid JSON.
        JsonError = "json_error",
        /// The token is missing, wrong or revoked.
        Unauthorized = "unauthorized",
        /// The token may only read.
        TokenReadonly = "token_readonly",
        /// The token may not do this.
        Forbidden = "forbidden",
        /// Hetzner is at work on what this needs.
        Maintenance = "maintenance",
        /// The account may not have more of this.
        ResourceLimitExceeded = "resource_limit_exceeded",
        /// There is no such thing, or no such path.
        NotFound = "not_found",
        /// The path exists, but not for this method.
        MethodNotAllowed = "method_not_allowed",
        /// Something else has this name, or this key.
        UniquenessError = "uniqueness_error",
        /// The thing changed meanwhile; the client repeats such requests by itself.
        Conflict = "conflict",
        /// The endpoint was removed from the API.
        DeprecatedApiEndpoint = "deprecated_api_endpoint",
        /// It cannot be ordered just now; another location or type may do.
        ResourceUnavailable = "resource_unavailable",
        /// The API does not accept the input; see [`crate::ErrorDetails::fields`].
        InvalidInput = "invalid_input",
        /// A service behind the API failed.
        ServiceError = "service_error",
        /// The thing does not support this action.
        UnsupportedError = "unsupported_error",
        /// Another action holds the thing.
        Locked = "locked",
        /// The thing is protected against this.
        Protected = "protected",
        /// The hourly budget is used up; the client waits for its turn by itself.
        RateLimitExceeded = "rate_limit_exceeded",
        /// The API failed.
        ServerError = "server_error",
        /// A service is away for the moment.
        Unavailable = "unavailable",
        /// The API did not finish in time.
        Timeout = "timeout",

        /// The network does not suit the resource.
        IncompatibleNetworkType = "incompatible_network_type",
        /// The zone is transferred from elsewhere, its records cannot be edited.
        IncorrectZoneMode = "incorrect_zone_mode",
        /// The load balancer type does not suit the load balancer.
        InvalidLoadBalancerType = "invalid_load_balancer_type",
        /// The server type does not suit the server.
        InvalidServerType = "invalid_server_type",
        /// The address is in use.
        IpNotAvailable = "ip_not_available",
        /// The address lies outside the vSwitch subnet.
        IpNotInVswitchSubnet = "ip_not_in_vswitch_subnet",
        /// The address belongs to somebody else.
        IpNotOwned = "ip_not_owned",
        LoadBalancerAlreadyAttached = "load_balancer_already_attached",
        LoadBalancerNotAttachedToNetwork = "load_balancer_not_attached_to_network",
        LoadBalancerPublicInterfaceDisabled = "load_balancer_public_interface_disabled",
        MissingIpv4 = "missing_ipv4",
        /// Unassign it first.
        MustBeUnassigned = "must_be_unassigned",
        NetworkHasNoVswitchSubnet = "network_has_no_vswitch_subnet",
        NetworksOverlap = "networks_overlap",
        /// The location is full for this volume.
        NoSpaceLeftInLocation = "no_space_left_in_location",
        NoSubnetAvailable = "no_subnet_available",
        /// The placement group cannot be satisfied.
        PlacementError = "placement_error",
        AlreadyInPlacementGroup = "already_in_placement_group",
        PrimaryIpAlreadyAssigned = "primary_ip_already_assigned",
        PrimaryIpAssigned = "primary_ip_assigned",
        /// The primary IP is in another location than the server.
        PrimaryIpDatacenterMismatch = "primary_ip_datacenter_mismatch",
        /// An IPv4 was given for IPv6, or the other way round.
        PrimaryIpVersionMismatch = "primary_ip_version_mismatch",
        /// The server has no public address.
        PrivateNetOnlyServer = "private_net_only_server",
        ResolveCloudPrivateTargetsError = "resolve_cloud_private_targets_error",
        ResolveCloudPublicTargetsError = "resolve_cloud_public_targets_error",
        /// Something still uses the thing.
        ResourceInUse = "resource_in_use",
        ServerAlreadyAdded = "server_already_added",
        ServerAlreadyAttached = "server_already_attached",
        ServerHasIpv4 = "server_has_ipv4",
        ServerHasIpv6 = "server_has_ipv6",
        ServerIsLoadBalancerTarget = "server_is_load_balancer_target",
        ServerNotAttachedToNetwork = "server_not_attached_to_network",
        /// The server must be off for this.
        ServerNotStopped = "server_not_stopped",
        SourcePortAlreadyUsed = "source_port_already_used",
        TargetAlreadyDefined = "target_already_defined",
        TargetsWithoutUsePrivateIp = "targets_without_use_private_ip",
        FloatingIpAssigned = "floating_ip_assigned",
        FirewallAlreadyApplied = "firewall_already_applied",
        FirewallAlreadyRemoved = "firewall_already_removed",
        FirewallManagedByLabelSelector = "firewall_managed_by_label_selector",
        FirewallResourceNotFound = "firewall_resource_not_found",
        CloudResourceIpNotAllowed = "cloud_resource_ip_not_allowed",
        RobotUnavailable = "robot_unavailable",
        VolumeAlreadyAttached = "volume_already_attached",
        VswitchIdAlreadyUsed = "vswitch_id_already_used",

        CaaRecordDoesNotAllowCa = "caa_record_does_not_allow_ca",
        CaDnsValidationFailed = "ca_dns_validation_failed",
        CaTooManyAuthorizationsFailedRecently = "ca_too_many_authorizations_failed_recently",
        CaTooManyCertificatesIssuedForRegisteredDomain =
            "ca_too_many_certificates_issued_for_registered_domain",
        CaTooManyDuplicateCertificates = "ca_too_many_duplicate_certificates",
        CouldNotVerifyDomainDelegatedToZone = "could_not_verify_domain_delegated_to_zone",
        DnsZoneNotFound = "dns_zone_not_found",
        DnsZoneIsSecondaryZone = "dns_zone_is_secondary_zone",

        /// An action failed.
        ActionFailed = "action_failed",
        /// A gateway in front of the API got no answer from it.
        BadGateway = "bad_gateway",
        /// Like [`ErrorCode::Locked`]; some services say it so.
        ResourceLocked = "resource_locked",
        /// The API itself does not know.
        UnknownError = "unknown_error",
    }
}

impl ErrorCode {
    /// Whether the same request may succeed later, unchanged.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::BadGateway
                | Self::Conflict
                | Self::Locked
                | Self::Maintenance
                | Self::RateLimitExceeded
                | Self::ResourceLocked
                | Self::ResourceUnavailable
                | Self::RobotUnavailable
                | Self::ServerError
                | Self::ServiceError
                | Self::Timeout
                | Self::Unavailable
        )
    }
}
