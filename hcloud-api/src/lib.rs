#![cfg_attr(feature = "client", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "client"),
    doc = "Labels and label selectors of the Hetzner Cloud API."
)]
#![cfg_attr(docsrs, feature(doc_cfg), doc(auto_cfg(hide(feature = "client"))))]

#[macro_use]
mod open_enum;
#[cfg(feature = "client")]
#[macro_use]
mod resource;

#[cfg(feature = "client")]
mod acme;
#[cfg(feature = "client")]
mod action_lists;
#[cfg(feature = "client")]
mod actions;
#[cfg(feature = "client")]
mod attempt;
#[cfg(feature = "client")]
mod billed;
#[cfg(feature = "blocking")]
pub mod blocking;
#[cfg(feature = "client")]
mod certificates;
#[cfg(feature = "client")]
mod client;
#[cfg(feature = "console")]
mod consoles;
#[cfg(feature = "client")]
mod crud;
#[cfg(feature = "client")]
mod delay;
#[cfg(feature = "client")]
mod deprecation;
#[cfg(feature = "client")]
mod dns_ptr;
#[cfg(feature = "client")]
mod envelope;
#[cfg(feature = "client")]
mod error;
mod error_code;
#[cfg(feature = "client")]
mod firewalls;
#[cfg(feature = "test-util")]
pub mod fixtures;
#[cfg(feature = "client")]
mod floating_ips;
#[cfg(feature = "client")]
mod id;
#[cfg(feature = "client")]
mod images;
#[cfg(feature = "client")]
mod isos;
#[cfg(feature = "client")]
mod labelled;
mod labels;
#[cfg(feature = "client")]
mod leftovers;
#[cfg(feature = "client")]
mod lenient;
#[cfg(feature = "client")]
mod load_balancer_types;
#[cfg(feature = "client")]
mod load_balancers;
#[cfg(feature = "client")]
mod locations;
#[cfg(feature = "metadata")]
mod metadata;
#[cfg(feature = "client")]
mod metrics;
#[cfg(feature = "client")]
mod networks;
#[cfg(feature = "client")]
mod number;
#[cfg(feature = "client")]
mod pagination;
#[cfg(feature = "client")]
mod patch;
#[cfg(feature = "client")]
mod ping;
#[cfg(feature = "client")]
mod placement_groups;
#[cfg(feature = "client")]
mod pricing;
#[cfg(feature = "client")]
mod primary_ips;
#[cfg(feature = "client")]
mod protection;
#[cfg(feature = "client")]
mod rate_limit;
#[cfg(feature = "client")]
mod raw;
#[cfg(feature = "client")]
mod redact;
#[cfg(feature = "client")]
mod request;
#[cfg(feature = "client")]
mod retry;
#[cfg(feature = "client")]
mod route;
#[cfg(feature = "client")]
mod rrsets;
#[cfg(feature = "client")]
mod salvage;
#[cfg(feature = "client")]
mod secret;
mod selector;
#[cfg(feature = "client")]
mod server_types;
#[cfg(feature = "client")]
mod servers;
#[cfg(feature = "client")]
mod shape;
#[cfg(feature = "client")]
mod sort;
#[cfg(feature = "client")]
mod ssh_keys;
#[cfg(feature = "ssh-keys")]
mod ssh_public_key;
#[cfg(feature = "client")]
mod storage_box_snapshots;
#[cfg(feature = "client")]
mod storage_box_subaccounts;
#[cfg(feature = "client")]
mod storage_box_types;
#[cfg(feature = "client")]
mod storage_boxes;
#[cfg(feature = "metrics")]
mod telemetry;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;
#[cfg(feature = "client")]
mod token;
#[cfg(feature = "client")]
mod volumes;
#[cfg(feature = "client")]
mod wrapped;
#[cfg(feature = "client")]
mod zones;

pub use error_code::ErrorCode;
pub use labels::{InvalidLabel, Labels};
pub use selector::{InvalidSelector, LabelSelector};

#[cfg(feature = "client")]
pub use self::{
    acme::HostInZone,
    action_lists::{ActionSort, KindActions, ListActions, ResourceActions},
    actions::{
        Action, ActionError, ActionRef, ActionResource, ActionResourceKind, ActionStatus, Actions,
        Wait,
    },
    attempt::Attempt,
    billed::Billed,
    certificates::{
        Certificate, CertificateCreated, CertificateIssuance, CertificateRenewal, CertificateSort,
        CertificateSource, CertificateStatus, CertificateType, CertificateUser, Certificates,
        CreateCertificate, ListCertificates, UpdateCertificate,
    },
    client::{Client, ClientBuilder},
    delay::Delay,
    deprecation::Deprecation,
    dns_ptr::DnsPtr,
    error::{ApiError, BoxError, Error, ErrorDetails, FieldError, Limit, Result},
    firewalls::{
        ANYWHERE, AppliedTo, CreateFirewall, Firewall, FirewallCreated, FirewallDirection,
        FirewallProtocol, FirewallRule, FirewallSort, FirewallTarget, FirewallTargetType,
        Firewalls, ListFirewalls, UpdateFirewall,
    },
    floating_ips::{
        CreateFloatingIp, FloatingIp, FloatingIpCreated, FloatingIpSort, FloatingIps,
        ListFloatingIps, UpdateFloatingIp,
    },
    id::{
        ActionId, CertificateId, FirewallId, FloatingIpId, IdOrName, ImageId, InvalidId, IsoId,
        LoadBalancerId, LoadBalancerTypeId, LocationId, NetworkId, PlacementGroupId, PrimaryIpId,
        ServerId, ServerTypeId, SshKeyId, StorageBoxId, StorageBoxSnapshotId,
        StorageBoxSubaccountId, StorageBoxTypeId, VolumeId, ZoneId,
    },
    images::{
        Image, ImageOrigin, ImageSort, ImageStatus, ImageType, Images, ListImages, OsFlavor,
        UpdateImage,
    },
    isos::{Iso, IsoType, Isos, ListIsos},
    labelled::Labelled,
    leftovers::{Leftover, Leftovers},
    lenient::{Deviation, DeviationKind, SkippedItem},
    load_balancer_types::{ListLoadBalancerTypes, LoadBalancerType, LoadBalancerTypes},
    load_balancers::{
        AddTarget, AttachLoadBalancerToNetwork, CreateLoadBalancer, CreateLoadBalancerPublicNet,
        HealthCheck, HealthCheckHttp, HealthCheckProtocol, ListLoadBalancers, LoadBalancer,
        LoadBalancerAlgorithm, LoadBalancerAlgorithmType, LoadBalancerCreated, LoadBalancerIp,
        LoadBalancerMetric, LoadBalancerMetricsQuery, LoadBalancerPrivateNet,
        LoadBalancerPublicNet, LoadBalancerService, LoadBalancerSort, LoadBalancerTarget,
        LoadBalancers, ServiceHttp, ServiceProtocol, Target, TargetHealth, TargetHealthDetail,
        TargetHealthStatus, TargetServer, TargetType, UpdateHealthCheck, UpdateHealthCheckHttp,
        UpdateLoadBalancer, UpdateService, UpdateServiceHttp,
    },
    locations::{ListLocations, Location, LocationSort, Locations},
    metrics::{Metrics, MetricsQuery, Sample, TimeSeries},
    networks::{
        CreateNetwork, CreateSubnet, ListNetworkMembers, ListNetworks, Network, NetworkMember,
        NetworkMemberSort, NetworkMemberStatus, NetworkMemberType, NetworkSort, Networks, Route,
        Subnet, SubnetType, UpdateNetwork,
    },
    number::Decimal,
    pagination::{Listed, ListedPage, Listing, Progress},
    patch::Patch,
    ping::Ping,
    placement_groups::{
        CreatePlacementGroup, ListPlacementGroups, PlacementGroup, PlacementGroupCreated,
        PlacementGroupSort, PlacementGroupType, PlacementGroups, UpdatePlacementGroup,
    },
    pricing::{
        BackupPricing, FloatingIpPrice, IpPrice, IpPricing, Price, Pricing, StoragePricing,
        TypePrice, TypePricing,
    },
    primary_ips::{
        AssigneeType, CreatePrimaryIp, IpType, ListPrimaryIps, PrimaryIp, PrimaryIpCreated,
        PrimaryIpSort, PrimaryIps, UpdatePrimaryIp,
    },
    protection::{ChangeProtection, Protection},
    rate_limit::{Quota, RateLimit},
    raw::RawRequest,
    resource::Resource,
    retry::RetryPolicy,
    rrsets::{
        AddRecords, ChangeRrsetProtection, CreateRrset, InvalidRrsetId, ListRrsets, Record, Rrset,
        RrsetCreated, RrsetId, RrsetProtection, RrsetSort, RrsetType, Rrsets, UpdateRecord,
        UpdateRrset,
    },
    salvage::Salvage,
    server_types::{
        Architecture, CpuType, ListServerTypes, ServerType, ServerTypeLocation, ServerTypes,
        StorageType,
    },
    servers::{
        AttachToNetwork, ChangeServerProtection, ChangeServerType, Console, CreateImage,
        CreatePublicNet, CreateServer, EnableRescue, ImageCreated, ListServers, PrivateNet,
        PublicIpv4, PublicIpv6, PublicNet, RebuildServer, RescueType, RootAccess, Server,
        ServerCreated, ServerFirewall, ServerFirewallStatus, ServerMetric, ServerMetricsQuery,
        ServerProtection, ServerSort, ServerStatus, Servers, UpdateServer,
    },
    sort::Sort,
    ssh_keys::{CreateSshKey, ListSshKeys, SshKey, SshKeySort, SshKeys, UpdateSshKey},
    storage_box_snapshots::{
        CreateStorageBoxSnapshot, ListStorageBoxSnapshots, NewStorageBoxSnapshot,
        StorageBoxSnapshot, StorageBoxSnapshotCreated, StorageBoxSnapshotSort,
        StorageBoxSnapshotStats, StorageBoxSnapshots, UpdateStorageBoxSnapshot,
    },
    storage_box_subaccounts::{
        CreateStorageBoxSubaccount, ListStorageBoxSubaccounts, NewStorageBoxSubaccount,
        StorageBoxSubaccount, StorageBoxSubaccountCreated, StorageBoxSubaccountSort,
        StorageBoxSubaccounts, SubaccountAccess, UpdateStorageBoxSubaccount,
        UpdateSubaccountAccess,
    },
    storage_box_types::{ListStorageBoxTypes, StorageBoxPrice, StorageBoxType, StorageBoxTypes},
    storage_boxes::{
        CreateStorageBox, ListStorageBoxes, SnapshotPlan, StorageBox, StorageBoxAccess,
        StorageBoxCreated, StorageBoxSort, StorageBoxStats, StorageBoxStatus, StorageBoxes,
        UpdateStorageBox, UpdateStorageBoxAccess,
    },
    volumes::{
        AttachVolume, CreateVolume, ListVolumes, UpdateVolume, Volume, VolumeCreated, VolumeFormat,
        VolumeSort, VolumeStatus, Volumes,
    },
    zones::{
        AuthoritativeNameservers, CreateZone, DelegationStatus, ListZones, PrimaryNameserver,
        Registrar, TsigAlgorithm, UpdateZone, Zone, ZoneCreated, ZoneMode, ZoneSort, ZoneStatus,
        Zones,
    },
};
#[cfg(feature = "metadata")]
pub use metadata::{Metadata, MetadataNetwork};
#[cfg(feature = "ssh-keys")]
pub use ssh_public_key::{InvalidSshKey, SshPublicKey};
#[cfg(feature = "metrics")]
pub use telemetry::describe_metrics;

#[cfg(feature = "client")]
pub use http::{Method, StatusCode};
#[cfg(feature = "client")]
pub use jiff::Timestamp;
#[cfg(feature = "client")]
pub use reqwest;
#[cfg(feature = "client")]
pub use secrecy::{ExposeSecret, SecretString};
