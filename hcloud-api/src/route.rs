//! Routes: the templates of paths, for labels and traces.

/// The parts of paths that are the same for all projects; all others are ids and names.
const LITERALS: &[&str] = &[
    "actions",
    "add_records",
    "add_route",
    "add_service",
    "add_subnet",
    "add_target",
    "add_to_placement_group",
    "apply_to_resources",
    "assign",
    "attach",
    "attach_iso",
    "attach_to_network",
    "certificates",
    "change_algorithm",
    "change_alias_ips",
    "change_dns_ptr",
    "change_home_directory",
    "change_ip_range",
    "change_primary_nameservers",
    "change_protection",
    "change_ttl",
    "change_type",
    "create_image",
    "delete_route",
    "delete_service",
    "delete_subnet",
    "detach",
    "detach_from_network",
    "detach_iso",
    "disable_backup",
    "disable_public_interface",
    "disable_rescue",
    "disable_snapshot_plan",
    "enable_backup",
    "enable_public_interface",
    "enable_rescue",
    "enable_snapshot_plan",
    "firewalls",
    "floating_ips",
    "folders",
    "images",
    "import_zonefile",
    "isos",
    "load_balancer_types",
    "load_balancers",
    "locations",
    "members",
    "metrics",
    "networks",
    "placement_groups",
    "poweroff",
    "poweron",
    "pricing",
    "primary_ips",
    "reboot",
    "rebuild",
    "remove_from_placement_group",
    "remove_from_resources",
    "remove_records",
    "remove_target",
    "request_console",
    "reset",
    "reset_password",
    "reset_subaccount_password",
    "resize",
    "retry",
    "rollback_snapshot",
    "rrsets",
    "server_types",
    "servers",
    "set_records",
    "set_rules",
    "shutdown",
    "snapshots",
    "ssh_keys",
    "storage_box_types",
    "storage_boxes",
    "subaccounts",
    "unassign",
    "update_access_settings",
    "update_records",
    "update_service",
    "volumes",
    "zonefile",
    "zones",
];

/// The most parts that a documented path has.
const MAX_PARTS: usize = 7;

/// Returns the template of a path, such as `/servers/{id}`: few, whatever ids and names there are.
pub(crate) fn route(path: &str) -> String {
    let parts = path.split('/').skip(1).take(MAX_PARTS);
    let parts = parts.map(|part| {
        if LITERALS.contains(&part) {
            part
        } else {
            "{id}"
        }
    });
    parts.fold(String::new(), |route, part| route + "/" + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_are_not_documented_have_few_templates() {
        assert_eq!(route("/no-such/web1?x=1"), "/{id}/{id}");
        assert_eq!(route(&"/a".repeat(50)), "/{id}".repeat(MAX_PARTS));
    }
}
