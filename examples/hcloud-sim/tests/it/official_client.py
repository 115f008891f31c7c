"""Hetzner's own Python client judges the simulator.

Expects HCLOUD_ENDPOINT and HCLOUD_TOKEN of a simulator with 130 servers and a quick clock, and READ_ONLY_TOKEN.
"""

import os
import time
import unittest
import warnings
from urllib.parse import parse_qs, urlsplit

from hcloud import APIException, Client
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.primary_ips import PrimaryIP
from hcloud.server_types import ServerType
from hcloud.servers import ServerCreatePublicNetwork
from hcloud.ssh_keys import SSHKey

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
    """Waits for what no action tells: that the operating system has stopped."""
    deadline = time.monotonic() + 10
    server.reload()
    while server.status != status:
        assert time.monotonic() < deadline, server.status
        time.sleep(0.02)
        server.reload()


def create(name, **options):
    """A server that runs, and what the API answered when it was ordered."""
    options = {"image": Image(name="debian-13"), "location": Location(name="nbg1")} | options
    response = cloud.servers.create(name=name, server_type=ServerType(name="cx23"), **options)
    finish(response.action, *response.next_actions)
    response.server.reload()
    return response


class Case(unittest.TestCase):
    def assertRefused(self, code, call, *args, **kwargs):
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

    def test_catalogue_describes_what_can_be_ordered(self):
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

        self.assertRefused("must_be_unassigned", ip.delete)

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

    def test_selector_that_makes_no_sense(self):
        self.assertRefused("invalid_input", cloud.servers.get_all, label_selector="env in prod")


class Errors(Case):
    def test_wrong_token(self):
        error = self.assertRefused("unauthorized", client("wrong").servers.get_all)

        self.assertEqual(error.message, "the token you have provided is invalid")

    def test_read_only_token(self):
        reader = client(os.environ["READ_ONLY_TOKEN"])

        self.assertGreater(len(reader.servers.get_list().servers), 0)
        self.assertRefused("token_readonly", reader.ssh_keys.create, name="x", public_key=KEY)

    def test_unknown_things(self):
        self.assertRefused("not_found", cloud.servers.get_by_id, 4711)
        self.assertRefused("not_found", cloud.actions.get_by_id, 4711)

    def test_data_centers_are_gone(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.assertRefused("deprecated_api_endpoint", cloud.datacenters.get_all)

    def test_names_are_unique(self):
        taken = cloud.servers.get_list(per_page=1).servers[0].name

        error = self.assertRefused("uniqueness_error", create, taken)

        self.assertEqual([field["name"] for field in error.details["fields"]], ["name"])

    def test_invalid_input_names_its_fields(self):
        error = self.assertRefused("invalid_input", create, "no host name!")

        self.assertEqual([field["name"] for field in error.details["fields"]], ["name"])
        self.assertTrue(error.details["fields"][0]["messages"])

    def test_type_that_is_sold_out(self):
        kind, place = next(
            (kind, place)
            for kind in cloud.server_types.get_all()
            for place in kind.locations
            if not place.available and not place.deprecation
        )

        self.assertRefused(
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

        self.assertRefused("locked", response.server.power_off)

        finish(response.action, *response.next_actions)
        finish(response.server.delete())

    def test_protected_server_is_not_deleted(self):
        server = create("protected").server
        finish(server.change_protection(delete=True, rebuild=True))

        self.assertRefused("protected", server.delete)
        self.assertRefused("protected", server.rebuild, Image(name="debian-13"))

        finish(server.change_protection(delete=False, rebuild=False))
        finish(server.delete())


if __name__ == "__main__":
    unittest.main()
