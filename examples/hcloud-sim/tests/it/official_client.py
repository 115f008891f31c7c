"""Tests of the simulator with Hetzner's own Python client.

Expects HCLOUD_ENDPOINT and HCLOUD_TOKEN of a simulator with 130 servers and a quick clock, and READ_ONLY_TOKEN.
"""

import os
import time
import unittest
import warnings
from urllib.parse import parse_qs, urlsplit

from hcloud import APIException, Client
from hcloud.firewalls import FirewallResource, FirewallResourceLabelSelector, FirewallRule
from hcloud.images import Image
from hcloud.load_balancer_types import LoadBalancerType
from hcloud.load_balancers import (
    LoadBalancerAlgorithm,
    LoadBalancerService,
    LoadBalancerTarget,
    LoadBalancerTargetLabelSelector,
)
from hcloud.locations import Location
from hcloud.networks import NetworkRoute, NetworkSubnet
from hcloud.primary_ips import PrimaryIP
from hcloud.server_types import ServerType
from hcloud.servers import ServerCreatePublicNetwork
from hcloud.ssh_keys import SSHKey
from hcloud.zones import ZoneRecord

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlH8pQn2uHsqCVXBrtMgLhOa9nMm6vOPoIHpyrsSoN0 test"


def client(token=os.environ["HCLOUD_TOKEN"]):
    return Client(
        token=token,
        api_endpoint=os.environ["HCLOUD_ENDPOINT"],
        poll_interval=0.02,
        timeout=30,
    )


cloud = client()


def finish(*actions):
    for action in actions:
        action.wait_until_finished()
        assert action.progress == 100, action.progress
        assert action.finished is not None


def wait_for(server, status):
    """Polls for a status that no action reports: the operating system has stopped."""
    deadline = time.monotonic() + 10
    server.reload()
    while server.status != status:
        assert time.monotonic() < deadline, server.status
        time.sleep(0.02)
        server.reload()


def create(name, **options):
    """Returns a running server and the response to its creation."""
    options = {"image": Image(name="debian-13"), "location": Location(name="nbg1")} | options
    response = cloud.servers.create(name=name, server_type=ServerType(name="cx23"), **options)
    finish(response.action, *response.next_actions)
    response.server.reload()
    return response


class Case(unittest.TestCase):
    def assertApiError(self, code, call, *args, **kwargs):
        with self.assertRaises(APIException) as refused:
            call(*args, **kwargs)
        self.assertEqual(refused.exception.code, code)
        self.assertIsNotNone(refused.exception.correlation_id)
        return refused.exception


class Lists(Case):
    def test_130_servers_come_in_three_pages(self):
        page = cloud.servers.get_list(per_page=50)
        everything = cloud.servers.get_all()

        self.assertEqual(len(page.servers), 50)
        self.assertEqual(page.meta.pagination.next_page, 2)
        self.assertGreaterEqual(page.meta.pagination.total_entries, 130)
        self.assertGreaterEqual(len({server.id for server in everything}), 130)

    def test_server_is_found_by_id_and_by_name(self):
        server = cloud.servers.get_all()[0]

        self.assertEqual(cloud.servers.get_by_id(server.id).name, server.name)
        self.assertEqual(cloud.servers.get_by_name(server.name).id, server.id)
        self.assertIsNone(cloud.servers.get_by_name("no-such-server"))

    def test_catalog_describes_locations_types_and_images(self):
        cx23 = cloud.server_types.get_by_name("cx23")
        self.assertEqual((cx23.architecture, cx23.cores), ("x86", 2))
        self.assertIn("fsn1", [place.location.name for place in cx23.locations])
        self.assertEqual(cloud.locations.get_by_name("hel1").country, "FI")
        self.assertGreater(len(cloud.isos.get_all()), 0)

    def test_image_name_stands_for_one_image_of_each_architecture(self):
        images = cloud.images.get_all(name="debian-13")
        arm = cloud.images.get_by_name_and_architecture("debian-13", "arm")

        self.assertEqual(sorted(image.architecture for image in images), ["arm", "x86"])
        self.assertEqual((arm.type, arm.os_flavor), ("system", "debian"))


class Life(Case):
    def test_server_without_a_key_gets_a_root_password(self):
        response = create("without-key")

        self.assertEqual(response.server.status, "running")
        self.assertTrue(response.root_password)
        self.assertEqual(response.server.image.name, "debian-13")
        self.assertEqual(response.server.location.name, "nbg1")
        self.assertTrue(response.server.public_net.ipv4.ip)
        finish(response.server.delete())
        self.assertIsNone(cloud.servers.get_by_name("without-key"))

    def test_server_with_a_key_gets_no_root_password(self):
        key = cloud.ssh_keys.create(name="laptop", public_key=KEY)
        self.assertEqual(cloud.ssh_keys.get_by_fingerprint(key.fingerprint).id, key.id)

        response = create("with-key", ssh_keys=[SSHKey(name="laptop")])

        self.assertIsNone(response.root_password)
        finish(response.server.delete())
        key.delete()

    def test_server_may_stay_off_and_have_no_address(self):
        nowhere = ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=False)

        server = create("quiet", start_after_create=False, public_net=nowhere).server

        self.assertEqual(server.status, "off")
        self.assertIsNone(server.public_net.ipv4)
        self.assertIsNone(server.public_net.ipv6)
        finish(server.delete())

    def test_power(self):
        server = create("power").server

        finish(server.shutdown())
        wait_for(server, "off")
        for switch, status in [
            (server.power_on, "running"),
            (server.reboot, "running"),
            (server.reset, "running"),
            (server.power_off, "off"),
        ]:
            finish(switch())
            server.reload()
            self.assertEqual(server.status, status, switch)

        commands = [action.command for action in server.get_actions()]
        for command in ["create_server", "shutdown_server", "reboot_server", "reset_server", "stop_server"]:
            self.assertIn(command, commands)
        finish(server.delete())

    def test_console_is_a_websocket_with_a_password(self):
        server = create("console").server

        console = server.request_console()

        url = urlsplit(console.wss_url)
        self.assertIn(url.scheme, ("ws", "wss"))
        self.assertEqual(parse_qs(url.query)["server_id"], [str(server.id)])
        self.assertTrue(parse_qs(url.query)["token"][0])
        self.assertGreaterEqual(len(console.password), 8)
        finish(console.action)
        finish(server.delete())

    def test_rebuild_rescue_and_passwords(self):
        server = create("rebuilt").server

        rebuilt = server.rebuild(Image(name="ubuntu-24.04"))
        finish(rebuilt.action)
        server.reload()
        self.assertEqual(server.image.name, "ubuntu-24.04")

        rescue = server.enable_rescue(type="linux64")
        finish(rescue.action)
        server.reload()
        self.assertTrue(server.rescue_enabled)
        self.assertTrue(rescue.root_password)
        finish(server.disable_rescue())

        reset = server.reset_password()
        self.assertTrue(reset.root_password)
        finish(reset.action)
        finish(server.delete())

    def test_snapshot_backups_iso_and_type(self):
        server = create("changed").server

        snapshot = server.create_image(description="before", type="snapshot", labels={"keep": "yes"})
        finish(snapshot.action)
        snapshot.image.reload()
        self.assertEqual((snapshot.image.status, snapshot.image.name), ("available", None))
        self.assertTrue(snapshot.image.delete())

        finish(server.enable_backup())
        server.reload()
        self.assertIsNotNone(server.backup_window)
        finish(server.disable_backup())

        finish(server.attach_iso(next(iso for iso in cloud.isos.get_all() if iso.type == "public")))
        server.reload()
        self.assertIsNotNone(server.iso)
        finish(server.detach_iso())
        finish(server.power_off())

        finish(server.change_type(ServerType(name="cx33"), upgrade_disk=False))
        server.reload()
        self.assertEqual((server.server_type.name, server.primary_disk_size), ("cx33", 40))
        finish(server.delete())

    def test_reverse_dns(self):
        server = create("named").server
        ip = server.public_net.ipv4.ip

        finish(server.change_dns_ptr(ip, "mail.example.com"))
        server.reload()
        self.assertEqual(server.public_net.ipv4.dns_ptr, "mail.example.com")

        finish(server.change_dns_ptr(ip, None))
        server.reload()
        self.assertNotEqual(server.public_net.ipv4.dns_ptr, "mail.example.com")
        finish(server.delete())

    def test_renaming_and_labelling(self):
        server = create("before", labels={"env": "test"}).server

        server = server.update(name="after", labels={"env": "prod", "example.com/tier": "db"})

        self.assertEqual(server.name, "after")
        self.assertEqual(server.labels, {"env": "prod", "example.com/tier": "db"})
        self.assertEqual(server.update(labels={}).labels, {})
        finish(server.delete())

    def test_primary_ip_outlives_its_server(self):
        ip = cloud.primary_ips.create(type="ipv4", name="kept", location=Location(name="nbg1")).primary_ip
        public = ServerCreatePublicNetwork(ipv4=PrimaryIP(id=ip.id), enable_ipv6=False)
        server = create("with-ip", public_net=public).server
        self.assertEqual(server.public_net.ipv4.ip, ip.ip)

        self.assertApiError("must_be_unassigned", ip.delete)

        finish(server.delete())
        ip.reload()
        self.assertIsNone(ip.assignee_id)
        self.assertTrue(ip.delete())


class Selectors(Case):
    @classmethod
    def setUpClass(cls):
        labels = {
            "a": {"env": "prod", "team": "web", "selected": ""},
            "b": {"env": "test", "team": "web", "selected": ""},
            "c": {"env": "dev", "selected": ""},
            "d": {"selected": "", "example.com/old": "1"},
        }
        cls.servers = {name: create(f"sel-{name}", labels=labels[name]).server for name in labels}

    @classmethod
    def tearDownClass(cls):
        finish(*[server.delete() for server in cls.servers.values()])

    def test_every_operator(self):
        for selector, expected in {
            "env": "abc",
            "!env": "d",
            "env=prod": "a",
            "env==prod": "a",
            "env!=prod": "bcd",
            "env in (prod,test)": "ab",
            "env notin (prod,test)": "cd",
            "env,team=web": "ab",
            "env in (prod, dev),!team": "c",
            "example.com/old=1": "d",
        }.items():
            with self.subTest(selector):
                found = cloud.servers.get_all(label_selector=f"selected,{selector}")
                self.assertEqual("".join(sorted(server.name[-1] for server in found)), expected)

    def test_invalid_selector(self):
        self.assertApiError("invalid_input", cloud.servers.get_all, label_selector="env in prod")


class Resources(Case):
    """Operations on every kind of resource."""

    def kinds(self):
        eu = Location(name="fsn1")
        subnet = NetworkSubnet(type="cloud", network_zone="eu-central", ip_range="10.1.0.0/24")
        lb11 = LoadBalancerType(name="lb11")
        def ready(response, name):
            """Returns the new resource when it is no longer locked."""
            finish(response.action)
            return getattr(response, name)

        makers = {
            cloud.firewalls: lambda **o: cloud.firewalls.create(**o).firewall,
            cloud.floating_ips: lambda **o: cloud.floating_ips.create(
                type="ipv4", home_location=eu, **o
            ).floating_ip,
            cloud.load_balancers: lambda **o: ready(
                cloud.load_balancers.create(load_balancer_type=lb11, location=eu, **o),
                "load_balancer",
            ),
            cloud.networks: lambda **o: cloud.networks.create(
                ip_range="10.1.0.0/16", subnets=[subnet], **o
            ),
            cloud.placement_groups: lambda **o: cloud.placement_groups.create(
                type="spread", **o
            ).placement_group,
            cloud.volumes: lambda **o: ready(
                cloud.volumes.create(size=10, location=eu, **o), "volume"
            ),
            cloud.zones: lambda **o: cloud.zones.create(mode="primary", **o).zone,
        }
        return makers.items()

    def test_each_is_created_found_changed_and_deleted(self):
        for client, make in self.kinds():
            with self.subTest(type(client).__name__):
                one = make(name="one.example", labels={"env": "test"})

                get = client.get if client is cloud.zones else client.get_by_id
                self.assertEqual(get(one.id).name, "one.example")
                self.assertEqual(get(one.id).labels, {"env": "test"})
                self.assertApiError("uniqueness_error", make, name="one.example")
                self.assertApiError("invalid_input", make, name="two.example", labels={"-": ""})
                self.assertEqual(one.update(labels={"env": "prod"}).labels, {"env": "prod"})
                if client is not cloud.zones:
                    self.assertEqual(one.update(name="other.example").name, "other.example")
                self.assertTrue(client.delete(one))
                self.assertApiError("not_found", get, one.id)

    def test_each_is_listed_and_selected(self):
        for client, make in self.kinds():
            with self.subTest(type(client).__name__):
                made = [make(name=f"{name}.example", labels={"in": name}) for name in "bac"]

                self.assertEqual([one.name[0] for one in client.get_all()], list("bac"))
                page = client.get_list(page=2, per_page=2)
                self.assertEqual(page.meta.pagination.total_entries, 3)
                [selected] = client.get_all(label_selector="in=a")
                self.assertEqual(selected.name, "a.example")
                for one in made:
                    client.delete(one)

    def test_lists_are_sorted(self):
        made = [cloud.firewalls.create(name=name).firewall for name in "bac"]

        by_name = cloud.firewalls.get_all(sort="name:desc")
        self.assertEqual([one.name for one in by_name], list("cba"))
        self.assertEqual(cloud.firewalls.get_by_name("a").id, made[1].id)
        for one in made:
            one.delete()

    def test_protection_prevents_deletion(self):
        unprotected = (cloud.firewalls, cloud.placement_groups)
        for client, make in self.kinds():
            if client in unprotected:
                continue
            with self.subTest(type(client).__name__):
                one = make(name="one.example")

                finish(one.change_protection(delete=True))
                self.assertApiError("protected", client.delete, one)
                finish(one.change_protection(delete=False))
                if client is not cloud.zones:
                    self.assertEqual(one.get_actions()[-1].command, "change_protection")
                client.delete(one)


class Attachments(Case):
    """Resources attached to a server."""

    @classmethod
    def setUpClass(cls):
        cls.server = create("attached", labels={"role": "web"}, location=Location(name="fsn1")).server

    @classmethod
    def tearDownClass(cls):
        finish(cls.server.delete())

    def reloaded(self):
        self.server.reload()
        return self.server

    def test_firewall(self):
        rule = FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["0.0.0.0/0"])
        response = cloud.firewalls.create(
            name="ssh",
            rules=[rule],
            resources=[
                FirewallResource(
                    type="label_selector",
                    label_selector=FirewallResourceLabelSelector(selector="role=web"),
                )
            ],
        )
        finish(*response.actions)
        firewall = response.firewall

        [applied] = self.reloaded().public_net.firewalls
        self.assertEqual((applied.firewall.id, applied.status), (firewall.id, "applied"))
        [target] = firewall.applied_to
        self.assertEqual(target.applied_to_resources[0].server.id, self.server.id)
        self.assertApiError("resource_in_use", firewall.delete)
        finish(*firewall.set_rules([]))
        self.assertEqual(cloud.firewalls.get_by_id(firewall.id).rules, [])
        finish(*firewall.remove_from_resources(firewall.applied_to))
        itself = FirewallResource(type="server", server=self.server)
        finish(*firewall.apply_to_resources([itself]))
        self.assertApiError("firewall_already_applied", firewall.apply_to_resources, [itself])
        finish(*firewall.remove_from_resources([itself]))
        self.assertEqual(self.reloaded().public_net.firewalls, [])
        firewall.delete()

    def test_rule_without_its_port(self):
        rule = FirewallRule(direction="in", protocol="tcp", source_ips=["0.0.0.0/0"])

        self.assertApiError("invalid_input", cloud.firewalls.create, name="x", rules=[rule])

    def test_volume(self):
        response = cloud.volumes.create(size=10, name="data", server=self.server, format="ext4")
        finish(response.action, *response.next_actions)
        volume = response.volume

        self.assertEqual([one.id for one in self.reloaded().volumes], [volume.id])
        self.assertTrue(volume.linux_device.endswith(str(volume.id)))
        self.assertApiError("resource_in_use", volume.delete)
        finish(volume.resize(20))
        finish(volume.detach())
        self.assertApiError("invalid_input", volume.resize, 10)
        finish(volume.attach(self.server))
        self.assertApiError("volume_already_attached", volume.attach, self.server)
        finish(volume.detach())
        self.assertEqual(self.reloaded().volumes, [])
        volume.delete()

    def test_network(self):
        subnet = NetworkSubnet(type="cloud", network_zone="eu-central", ip_range=None)
        network = cloud.networks.create(name="inside", ip_range="10.0.0.0/16", subnets=[subnet])
        self.assertEqual(network.subnets[0].ip_range, "10.0.0.0/24")

        finish(self.server.attach_to_network(network))
        [net] = self.reloaded().private_net
        self.assertEqual((net.network.id, net.ip), (network.id, "10.0.0.2"))
        self.assertApiError("server_already_attached", self.server.attach_to_network, network)
        finish(self.server.change_alias_ips(network, ["10.0.0.7"]))
        self.assertEqual(self.reloaded().private_net[0].alias_ips, ["10.0.0.7"])
        network.reload()
        self.assertEqual([one.id for one in network.servers], [self.server.id])
        finish(network.add_subnet(subnet))
        route = NetworkRoute(destination="10.100.1.0/24", gateway="10.0.0.2")
        finish(network.add_route(route))
        network.reload()
        self.assertEqual([one.ip_range for one in network.subnets], ["10.0.0.0/24", "10.0.1.0/24"])
        finish(network.delete_route(route))
        finish(network.delete_subnet(network.subnets[1]))
        overlapping = NetworkSubnet(type="cloud", network_zone="eu-central", ip_range="10.0.0.0/25")
        self.assertApiError("networks_overlap", network.add_subnet, overlapping)
        finish(self.server.detach_from_network(network))
        self.assertEqual(self.reloaded().private_net, [])
        network.delete()

    def test_floating_ip(self):
        response = cloud.floating_ips.create(type="ipv6", name="entry", server=self.server)
        finish(response.action)
        ip = response.floating_ip

        self.assertEqual([one.id for one in self.reloaded().public_net.floating_ips], [ip.id])
        finish(ip.change_dns_ptr(ip.ip.replace("/64", "1"), "entry.example"))
        finish(ip.unassign())
        finish(ip.assign(self.server))
        ip.reload()
        self.assertEqual(ip.dns_ptr[0]["dns_ptr"], "entry.example")
        self.assertApiError("must_be_unassigned", ip.delete)
        finish(ip.unassign())
        ip.delete()

    def test_placement_group(self):
        group = cloud.placement_groups.create(name="apart", type="spread").placement_group
        server = create("placed", placement_group=group).server

        self.assertEqual(server.placement_group.id, group.id)
        self.assertApiError("resource_in_use", group.delete)
        finish(server.remove_from_placement_group())
        self.assertApiError("server_not_stopped", server.add_to_placement_group, group)
        finish(server.power_off())
        finish(server.add_to_placement_group(group))
        group.reload()
        self.assertEqual(group.servers, [server.id])
        finish(server.delete())
        group.delete()

    def test_server_is_created_with_attachments(self):
        subnet = NetworkSubnet(type="cloud", network_zone="eu-central", ip_range=None)
        network = cloud.networks.create(name="within", ip_range="10.0.0.0/16", subnets=[subnet])
        firewall = cloud.firewalls.create(name="around").firewall
        place = Location(name="nbg1")
        created = cloud.volumes.create(size=10, name="under", location=place)
        finish(created.action)
        volume = created.volume

        server = create(
            "equipped", networks=[network], firewalls=[firewall], volumes=[volume]
        ).server

        self.assertEqual(server.private_net[0].network.id, network.id)
        self.assertEqual(server.public_net.firewalls[0].firewall.id, firewall.id)
        self.assertEqual(server.volumes[0].id, volume.id)
        finish(server.delete())
        for one in (network, firewall, volume):
            self.assertTrue(one.delete())

    def test_load_balancer(self):
        target = LoadBalancerTarget(
            type="label_selector",
            label_selector=LoadBalancerTargetLabelSelector(selector="role=web"),
            use_private_ip=False,
        )
        service = LoadBalancerService(protocol="http", listen_port=80, destination_port=80)
        response = cloud.load_balancers.create(
            name="front",
            load_balancer_type=LoadBalancerType(name="lb11"),
            location=Location(name="fsn1"),
            services=[service],
            targets=[target],
        )
        finish(response.action)
        balancer = response.load_balancer

        self.assertEqual(balancer.services[0].health_check.interval, 15)
        deadline = time.monotonic() + 10
        while self.health(balancer) != "healthy":
            self.assertLess(time.monotonic(), deadline)
        self.assertApiError("target_already_defined", balancer.add_target, target)
        self.assertApiError("source_port_already_used", balancer.add_service, service)
        finish(balancer.remove_target(target))
        finish(balancer.delete_service(service))
        finish(balancer.change_type(LoadBalancerType(name="lb21")))
        finish(balancer.change_algorithm(LoadBalancerAlgorithm(type="least_connections")))
        balancer.reload()
        self.assertEqual(balancer.load_balancer_type.name, "lb21")
        self.assertEqual((balancer.targets, balancer.services), ([], []))
        balancer.delete()

    def health(self, balancer):
        balancer.reload()
        return balancer.targets[0].targets[0].health_status[0].status


class Dns(Case):
    def test_records(self):
        zone = cloud.zones.create(name="example.com", mode="primary").zone
        self.assertEqual({one.type for one in zone.get_rrset_all()}, {"NS", "SOA"})

        made = zone.create_rrset(name="www", type="A", records=[ZoneRecord(value="192.0.2.1")])
        finish(made.action)
        finish(zone.set_rrset_records(made.rrset, [ZoneRecord(value="192.0.2.2")]))
        finish(zone.add_rrset_records(made.rrset, [ZoneRecord(value="192.0.2.3")]))
        finish(zone.remove_rrset_records(made.rrset, [ZoneRecord(value="192.0.2.2")]))
        finish(zone.change_rrset_ttl(made.rrset, 300))
        rrset = zone.get_rrset("www", "A")
        self.assertEqual([one.value for one in rrset.records], ["192.0.2.3"])
        self.assertEqual(rrset.ttl, 300)
        finish(zone.change_rrset_protection(rrset, change=True))
        self.assertApiError("protected", zone.delete_rrset, rrset)
        finish(zone.change_rrset_protection(rrset, change=False))
        finish(zone.delete_rrset(rrset).action)
        self.assertApiError("not_found", zone.get_rrset, "www", "A")
        finish(zone.delete().action)


class Errors(Case):
    def test_wrong_token(self):
        error = self.assertApiError("unauthorized", client("wrong").servers.get_all)

        self.assertEqual(error.message, "the token you have provided is invalid")

    def test_read_only_token(self):
        reader = client(os.environ["READ_ONLY_TOKEN"])

        self.assertGreater(len(reader.servers.get_list().servers), 0)
        self.assertApiError("token_readonly", reader.ssh_keys.create, name="x", public_key=KEY)

    def test_unknown_resources(self):
        self.assertApiError("not_found", cloud.servers.get_by_id, 4711)
        self.assertApiError("not_found", cloud.actions.get_by_id, 4711)

    def test_data_centers_are_removed(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.assertApiError("deprecated_api_endpoint", cloud.datacenters.get_all)

    def test_names_are_unique(self):
        taken = cloud.servers.get_list(per_page=1).servers[0].name

        error = self.assertApiError("uniqueness_error", create, taken)

        self.assertEqual([field["name"] for field in error.details["fields"]], ["name"])

    def test_invalid_input_names_its_fields(self):
        error = self.assertApiError("invalid_input", create, "no host name!")

        self.assertEqual([field["name"] for field in error.details["fields"]], ["name"])
        self.assertTrue(error.details["fields"][0]["messages"])

    def test_type_that_is_sold_out(self):
        kind, place = next(
            (kind, place)
            for kind in cloud.server_types.get_all()
            for place in kind.locations
            if not place.available and not place.deprecation
        )

        self.assertApiError(
            "resource_unavailable",
            cloud.servers.create,
            name="sold-out",
            server_type=kind,
            image=cloud.images.get_by_name_and_architecture("debian-13", kind.architecture),
            location=place.location,
        )

    def test_server_is_locked_while_an_action_runs(self):
        response = cloud.servers.create(
            name="locked", server_type=ServerType(name="cx23"), image=Image(name="debian-13")
        )

        self.assertApiError("locked", response.server.power_off)

        finish(response.action, *response.next_actions)
        finish(response.server.delete())

    def test_protected_server_is_not_deleted(self):
        server = create("protected").server
        finish(server.change_protection(delete=True, rebuild=True))

        self.assertApiError("protected", server.delete)
        self.assertApiError("protected", server.rebuild, Image(name="debian-13"))

        finish(server.change_protection(delete=False, rebuild=False))
        finish(server.delete())


if __name__ == "__main__":
    unittest.main()
