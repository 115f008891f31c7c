#![doc = include_str!("../README.md")]

#[macro_use]
mod open_enum;
#[macro_use]
mod resource;

mod action_lists;
mod actions;
#[cfg(feature = "blocking")]
pub mod blocking;
mod certificates;
mod client;
#[cfg(feature = "console")]
mod consoles;
mod deprecation;
mod dns_ptr;
mod envelope;
mod error;
mod error_code;
mod firewalls;
mod floating_ips;
mod id;
mod images;
mod isos;
mod labels;
mod load_balancer_types;
mod load_balancers;
mod locations;
mod lookup;
#[cfg(feature = "metadata")]
mod metadata;
mod metrics;
mod networks;
mod number;
mod pagination;
mod patch;
mod ping;
mod placement_groups;
mod pricing;
mod primary_ips;
mod protection;
mod rate_limit;
mod raw;
mod request;
mod retry;
mod rrsets;
mod secret;
mod selector;
mod server_types;
mod servers;
mod sort;
mod ssh_keys;
mod storage_box_snapshots;
mod storage_box_subaccounts;
mod storage_box_types;
mod storage_boxes;
#[cfg(any(feature = "rustls", feature = "native-tls"))]
mod tls;
mod volumes;
mod wrapped;
mod zones;

pub use action_lists::{ActionSort, ActionsOfAll, ActionsOfOne, ListActions};
pub use actions::{Action, ActionError, ActionResource, ActionStatus, Actions, Awaited, Wait};
pub use certificates::{
    Certificate, CertificateCreated, CertificateIssuance, CertificateRenewal, CertificateSort,
    CertificateSource, CertificateStatus, CertificateType, CertificateUser, Certificates,
    CreateCertificate, ListCertificates, UpdateCertificate,
};
pub use client::{Client, ClientBuilder};
pub use deprecation::Deprecation;
pub use dns_ptr::DnsPtr;
pub use error::{ApiError, Error, ErrorDetails, FieldError, Limit, Result};
pub use error_code::ErrorCode;
pub use firewalls::{
    ANYWHERE, AppliedTo, CreateFirewall, Firewall, FirewallCreated, FirewallDirection,
    FirewallProtocol, FirewallRule, FirewallSort, FirewallTarget, FirewallTargetType, Firewalls,
    ListFirewalls, UpdateFirewall,
};
pub use floating_ips::{
    CreateFloatingIp, FloatingIp, FloatingIpCreated, FloatingIpSort, FloatingIps, ListFloatingIps,
    UpdateFloatingIp,
};
pub use id::{
    ActionId, CertificateId, FirewallId, FloatingIpId, IdOrName, ImageId, InvalidId, IsoId,
    LoadBalancerId, LoadBalancerTypeId, LocationId, NetworkId, PlacementGroupId, PrimaryIpId,
    ServerId, ServerTypeId, SshKeyId, StorageBoxId, StorageBoxSnapshotId, StorageBoxSubaccountId,
    StorageBoxTypeId, VolumeId, ZoneId,
};
pub use images::{
    Image, ImageOrigin, ImageSort, ImageStatus, ImageType, Images, ListImages, OsFlavor,
    UpdateImage,
};
pub use isos::{Iso, IsoType, Isos, ListIsos};
pub use labels::{InvalidLabel, Labels};
pub use load_balancer_types::{ListLoadBalancerTypes, LoadBalancerType, LoadBalancerTypes};
pub use load_balancers::{
    AddTarget, AttachLoadBalancerToNetwork, CreateLoadBalancer, CreateLoadBalancerPublicNet,
    HealthCheck, HealthCheckHttp, HealthCheckProtocol, ListLoadBalancers, LoadBalancer,
    LoadBalancerAlgorithm, LoadBalancerAlgorithmType, LoadBalancerCreated, LoadBalancerIp,
    LoadBalancerMetric, LoadBalancerMetricsQuery, LoadBalancerPrivateNet, LoadBalancerPublicNet,
    LoadBalancerService, LoadBalancerSort, LoadBalancerTarget, LoadBalancers, ServiceHttp,
    ServiceProtocol, Target, TargetHealth, TargetHealthDetail, TargetHealthStatus, TargetType,
    UpdateHealthCheck, UpdateHealthCheckHttp, UpdateLoadBalancer, UpdateService, UpdateServiceHttp,
};
pub use locations::{ListLocations, Location, LocationSort, Locations};
#[cfg(feature = "metadata")]
pub use metadata::Metadata;
pub use metrics::{Metrics, MetricsQuery, Sample, TimeSeries};
pub use networks::{
    CreateNetwork, CreateSubnet, ListNetworkMembers, ListNetworks, Network, NetworkMember,
    NetworkMemberSort, NetworkMemberStatus, NetworkMemberType, NetworkSort, Networks, Route,
    Subnet, SubnetType, UpdateNetwork,
};
pub use number::Decimal;
pub use pagination::{Fetched, Listing};
pub use patch::Patch;
pub use ping::Ping;
pub use placement_groups::{
    CreatePlacementGroup, ListPlacementGroups, PlacementGroup, PlacementGroupCreated,
    PlacementGroupSort, PlacementGroupType, PlacementGroups, UpdatePlacementGroup,
};
pub use pricing::{
    BackupPricing, FloatingIpPrice, IpPrice, IpPricing, Price, Pricing, StoragePricing, TypePrice,
    TypePricing,
};
pub use primary_ips::{
    AssigneeType, CreatePrimaryIp, IpType, ListPrimaryIps, PrimaryIp, PrimaryIpCreated,
    PrimaryIpSort, PrimaryIps, UpdatePrimaryIp,
};
pub use protection::{ChangeProtection, Protection};
pub use raw::RawRequest;
pub use resource::Resource;
pub use retry::RetryPolicy;
pub use rrsets::{
    AddRecords, ChangeRrsetProtection, CreateRrset, InvalidRrsetId, ListRrsets, Record, Rrset,
    RrsetCreated, RrsetId, RrsetProtection, RrsetSort, RrsetType, Rrsets, UpdateRecord,
    UpdateRrset,
};
pub use selector::{InvalidSelector, LabelSelector};
pub use server_types::{
    Architecture, CpuType, ListServerTypes, ServerType, ServerTypeLocation, ServerTypes,
    StorageType,
};
pub use servers::{
    AttachToNetwork, ChangeServerProtection, ChangeServerType, Console, CreateImage,
    CreatePublicNet, CreateServer, EnableRescue, ImageCreated, ListServers, PrivateNet, PublicIpv4,
    PublicIpv6, PublicNet, RebuildServer, RescueType, RootAccess, Server, ServerCreated,
    ServerFirewall, ServerFirewallStatus, ServerMetric, ServerMetricsQuery, ServerProtection,
    ServerSort, ServerStatus, Servers, UpdateServer,
};
pub use sort::Sort;
pub use ssh_keys::{CreateSshKey, ListSshKeys, SshKey, SshKeySort, SshKeys, UpdateSshKey};
pub use storage_box_snapshots::{
    CreateStorageBoxSnapshot, ListStorageBoxSnapshots, NewStorageBoxSnapshot, StorageBoxSnapshot,
    StorageBoxSnapshotCreated, StorageBoxSnapshotSort, StorageBoxSnapshotStats,
    StorageBoxSnapshots, UpdateStorageBoxSnapshot,
};
pub use storage_box_subaccounts::{
    CreateStorageBoxSubaccount, ListStorageBoxSubaccounts, NewStorageBoxSubaccount,
    StorageBoxSubaccount, StorageBoxSubaccountCreated, StorageBoxSubaccountSort,
    StorageBoxSubaccounts, SubaccountAccess, UpdateStorageBoxSubaccount, UpdateSubaccountAccess,
};
pub use storage_box_types::{
    ListStorageBoxTypes, StorageBoxPrice, StorageBoxType, StorageBoxTypes,
};
pub use storage_boxes::{
    CreateStorageBox, ListStorageBoxes, SnapshotPlan, StorageBox, StorageBoxAccess,
    StorageBoxCreated, StorageBoxSort, StorageBoxStats, StorageBoxStatus, StorageBoxes,
    UpdateStorageBox, UpdateStorageBoxAccess,
};
pub use volumes::{
    AttachVolume, CreateVolume, ListVolumes, UpdateVolume, Volume, VolumeCreated, VolumeFormat,
    VolumeSort, VolumeStatus, Volumes,
};
pub use zones::{
    AuthoritativeNameservers, CreateZone, DelegationStatus, ListZones, PrimaryNameserver,
    Registrar, TsigAlgorithm, UpdateZone, Zone, ZoneCreated, ZoneMode, ZoneSort, ZoneStatus, Zones,
};

pub use jiff::Timestamp;
pub use reqwest::{Method, StatusCode};
pub use secrecy::{ExposeSecret, SecretString};
