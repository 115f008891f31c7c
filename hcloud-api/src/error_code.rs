//! The error codes of the API.

open_enum! {
    /// An error code of the API.
    pub enum ErrorCode {
        /// The request's body is not valid JSON.
        JsonError = "json_error",
        /// The token is missing, wrong or revoked.
        Unauthorized = "unauthorized",
        /// The token is read-only.
        TokenReadonly = "token_readonly",
        /// The token lacks the permission.
        Forbidden = "forbidden",
        /// A service is under maintenance.
        Maintenance = "maintenance",
        /// A limit of the account is reached.
        ResourceLimitExceeded = "resource_limit_exceeded",
        /// The resource or the path does not exist.
        NotFound = "not_found",
        /// The path does not support this method.
        MethodNotAllowed = "method_not_allowed",
        /// Another resource has this name or this key.
        UniquenessError = "uniqueness_error",
        /// The resource was changed concurrently; the client retries such requests.
        Conflict = "conflict",
        /// The endpoint was removed from the API.
        DeprecatedApiEndpoint = "deprecated_api_endpoint",
        /// Currently out of capacity; another location or type may have it.
        ResourceUnavailable = "resource_unavailable",
        /// A field of the request is invalid; see [`crate::ErrorDetails::fields`].
        InvalidInput = "invalid_input",
        /// A service behind the API failed.
        ServiceError = "service_error",
        /// The resource does not support this action.
        UnsupportedError = "unsupported_error",
        /// Another action locks the resource.
        Locked = "locked",
        /// The resource is protected against this operation.
        Protected = "protected",
        /// The rate limit is exceeded; the client waits and retries.
        RateLimitExceeded = "rate_limit_exceeded",
        /// An internal error of the API.
        ServerError = "server_error",
        /// A service is temporarily unavailable.
        Unavailable = "unavailable",
        /// The API timed out.
        Timeout = "timeout",

        /// The network is incompatible with the resource.
        IncompatibleNetworkType = "incompatible_network_type",
        /// The zone is secondary: its records cannot be edited.
        IncorrectZoneMode = "incorrect_zone_mode",
        /// The load balancer type is unsuitable for the load balancer.
        InvalidLoadBalancerType = "invalid_load_balancer_type",
        /// The server type is unsuitable for the server.
        InvalidServerType = "invalid_server_type",
        /// The address is in use.
        IpNotAvailable = "ip_not_available",
        /// The address is outside the vSwitch subnet.
        IpNotInVswitchSubnet = "ip_not_in_vswitch_subnet",
        /// The address belongs to another account.
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
        /// An IPv4 address was given for IPv6, or vice versa.
        PrimaryIpVersionMismatch = "primary_ip_version_mismatch",
        /// The server has no public address.
        PrivateNetOnlyServer = "private_net_only_server",
        ResolveCloudPrivateTargetsError = "resolve_cloud_private_targets_error",
        ResolveCloudPublicTargetsError = "resolve_cloud_public_targets_error",
        /// The resource is still in use.
        ResourceInUse = "resource_in_use",
        ServerAlreadyAdded = "server_already_added",
        ServerAlreadyAttached = "server_already_attached",
        ServerHasIpv4 = "server_has_ipv4",
        ServerHasIpv6 = "server_has_ipv6",
        ServerIsLoadBalancerTarget = "server_is_load_balancer_target",
        ServerNotAttachedToNetwork = "server_not_attached_to_network",
        /// The server must be off.
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
        /// A gateway got no response from the API.
        BadGateway = "bad_gateway",
        /// As [`ErrorCode::Locked`], returned by some services.
        ResourceLocked = "resource_locked",
        /// The cause is unknown to the API.
        UnknownError = "unknown_error",
    }
}

impl ErrorCode {
    /// Returns whether the same request may succeed later, unchanged.
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
