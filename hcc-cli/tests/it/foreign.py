"""A web service of somebody else, which knows the documents and nothing of hcc.

Expects the managed server web1 and its record, a worker, the database's URL in MONGODB, the program in HCC and a
record as `server.py` left it in ORIGINAL.
"""

import json
import os
import subprocess
import threading
import time
import unittest
from datetime import datetime

from bson import Int64, ObjectId
from pymongo import CursorType, MongoClient

PATIENCE = 60
database = MongoClient(os.environ["MONGODB"]).get_default_database()


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, list(database.cmd.find()) + list(database.cmd_dead.find())
        time.sleep(0.02)


def put(message):
    database.msg.insert_one({"msg": message})


def push(verb, server):
    database.cmd.insert_one({"cmd": verb, "for": server})
    put("cmd")


def record(name):
    return database.vms.find_one({"name": name}) or {}


def carry_out(verb, server):
    """Pushes a command and waits until it is gone."""
    push(verb, server)
    wait_until(lambda: not database.cmd.find_one({"for": server}))
    assert not database.cmd_dead.find_one(), database.cmd_dead.find_one()


def wait():
    """Messages from now on, as `wait` of `server.py` prints them."""
    # Without a message, the cursor would end.
    database.msg.insert_one({"msg": None})
    messages = database.msg.find(cursor_type=CursorType.TAILABLE_AWAIT)
    old = database.msg.count_documents({})
    while messages.alive:
        for message in messages:
            old -= 1
            if old < 0 and message["msg"] is not None:
                yield message["msg"]


def hcc(*args):
    return subprocess.run([os.environ["HCC"], *args], check=True, capture_output=True, text=True, timeout=PATIENCE)


class WebService(unittest.TestCase):
    def test_fields_of_its_own_survive_every_command(self):
        own = {
            "owner": "mary",
            "since": datetime(2020, 2, 29, 12, 30),
            "tickets": [ObjectId(), {"open": True}],
            "image.scanned": Int64(7),
            "dc.rack": {"row": 1.0},
        }
        database.vms.update_one({"name": "web1"}, {"$set": own})

        for verb in ["sync", "stop", "start", "reboot", "reset", "force", "off", "start", "console", "settag", "sync"]:
            carry_out(verb, "web1")
            found = record("web1")
            for field in ["owner", "since", "tickets"]:
                self.assertEqual(found.get(field), own[field], (verb, field))
            self.assertEqual(found["image"].get("scanned"), 7, verb)
            self.assertEqual(found["dc"].get("rack"), {"row": 1.0}, verb)

        carry_out("new", "web3")
        database.vms.update_one({"name": "web3"}, {"$set": {"owner": "mary"}})
        carry_out("deltag", "web3")
        self.assertEqual(record("web3").get("owner"), "mary")

    def test_console_is_there_when_its_time_changes(self):
        before = record("web1").get("ts", 0.0)

        push("console", "web1")

        wait_until(lambda: record("web1").get("ts", 0.0) > before)
        found = record("web1")
        self.assertRegex(found["url"], "^wss?://")
        self.assertTrue(found["auth"])
        self.assertLess(abs(time.time() - found["ts"]), PATIENCE)

    def test_documents_have_the_names_and_types_of_old(self):
        with open(os.environ["ORIGINAL"]) as file:
            original = json.load(file)

        carry_out("new", "web2")
        carry_out("console", "web2")

        found = record("web2")
        self.assertIsInstance(found["_id"], ObjectId)
        self.compare(original, found, "web2")
        carry_out("kill", "web2")
        wait_until(lambda: not record("web2"))

    def compare(self, old, new, path):
        """Insists on each name of the old document, and on its type."""
        if isinstance(old, dict):
            for name, value in old.items():
                if path.endswith(".labels"):
                    continue
                self.assertIn(name, new, path)
                self.compare(value, new[name], f"{path}.{name}")
        elif isinstance(old, list):
            self.assertIsInstance(new, list, path)
            for value in new:
                self.compare(old[0], value, path)
        elif type(old) is int:
            self.assertEqual(isinstance(new, Int64), not -(2**31) <= new < 2**31, path)
        else:
            self.assertIs(type(new), type(old), path)

    def test_pushed_commands_are_as_it_would_push_them(self):
        hcc("push", "start", "elsewhere")

        command = database.cmd_dead.find_one({"for": "elsewhere"}) or database.cmd.find_one({"for": "elsewhere"})

        # A worker may have had it already: there is no such server.
        self.assertIsInstance(command["_id"], ObjectId)
        self.assertEqual((command["cmd"], command["for"]), ("start", "elsewhere"))
        self.assertIsInstance(command["at"], datetime)
        wait_until(lambda: database.cmd_dead.find_one({"for": "elsewhere"}))
        database.cmd_dead.delete_many({})

    def test_it_hears_what_hcc_pushes_and_notifies(self):
        heard, listening = [], threading.Event()

        def listen():
            messages = wait()
            # Whoever counts what is old may miss what comes meanwhile.
            listening.set()
            for message in messages:
                heard.append(message)
                if message == "two words":
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        listening.wait(PATIENCE)
        while not heard:
            put("ready?")
            time.sleep(0.1)

        hcc("push", "sync", "web1")
        hcc("notify", "two words")

        listener.join(PATIENCE)
        self.assertIn("cmd", heard)
        self.assertEqual(heard[-1], "two words")

    def test_hcc_hears_what_it_puts(self):
        listener = subprocess.Popen([os.environ["HCC"], "wait"], stdout=subprocess.PIPE, text=True)
        try:
            ended, lines = threading.Event(), []

            def read():
                for line in listener.stdout:
                    lines.append(line)
                    if line == "two words\n":
                        return ended.set()

            threading.Thread(target=read, daemon=True).start()
            deadline = time.monotonic() + PATIENCE
            while not ended.wait(0.1) and time.monotonic() < deadline:
                put("two words")
            self.assertIn("two words\n", lines)
        finally:
            listener.kill()
            listener.wait()
            listener.stdout.close()


if __name__ == "__main__":
    unittest.main(failfast=True)
