"""A web service that reads and writes the documents in MongoDB without hcc.

Expects the managed server web1 and its record, a worker, the database's URL in MONGODB, the program in HCC and a
record as `server.py` wrote it in ORIGINAL.
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

TIMEOUT = 60
database = MongoClient(os.environ["MONGODB"]).get_default_database()


def wait_until(condition):
    deadline = time.monotonic() + TIMEOUT
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
    """Pushes a command and waits until it has left the queue."""
    push(verb, server)
    wait_until(lambda: not database.cmd.find_one({"for": server}))
    assert not database.cmd_dead.find_one(), database.cmd_dead.find_one()


def wait():
    """Yields new messages, as `wait` of `server.py` prints them."""
    # In an empty collection, the cursor would be closed.
    database.msg.insert_one({"msg": None})
    messages = database.msg.find(cursor_type=CursorType.TAILABLE_AWAIT)
    old = database.msg.count_documents({})
    while messages.alive:
        for message in messages:
            old -= 1
            if old < 0 and message["msg"] is not None:
                yield message["msg"]


def hcc(*args):
    return subprocess.run([os.environ["HCC"], *args], check=True, capture_output=True, text=True, timeout=TIMEOUT)


class WebService(unittest.TestCase):
    def test_additional_fields_survive_every_command(self):
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

    def test_new_timestamp_means_a_new_console(self):
        before = record("web1").get("ts", 0.0)

        push("console", "web1")

        wait_until(lambda: record("web1").get("ts", 0.0) > before)
        found = record("web1")
        self.assertRegex(found["url"], "^wss?://")
        self.assertTrue(found["auth"])
        self.assertLess(abs(time.time() - found["ts"]), TIMEOUT)

    def test_documents_keep_their_names_and_types(self):
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
        """Asserts that each name of the old document is there with its type."""
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

    def test_hcc_pushes_the_same_documents(self):
        hcc("push", "start", "elsewhere")

        command = database.cmd_dead.find_one({"for": "elsewhere"}) or database.cmd.find_one({"for": "elsewhere"})

        # The worker may have moved it to the dead letters already, as the server does not exist.
        self.assertIsInstance(command["_id"], ObjectId)
        self.assertEqual((command["cmd"], command["for"]), ("start", "elsewhere"))
        self.assertIsInstance(command["at"], datetime)
        wait_until(lambda: database.cmd_dead.find_one({"for": "elsewhere"}))
        database.cmd_dead.delete_many({})

    def test_messages_of_hcc_arrive(self):
        received, listening = [], threading.Event()

        def listen():
            messages = wait()
            # Messages that arrive while the old ones are counted may be missed.
            listening.set()
            for message in messages:
                received.append(message)
                if message == "two words":
                    return

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        listening.wait(TIMEOUT)
        while not received:
            put("ready?")
            time.sleep(0.1)

        hcc("push", "sync", "web1")
        hcc("notify", "two words")

        listener.join(TIMEOUT)
        self.assertIn("cmd", received)
        self.assertEqual(received[-1], "two words")

    def test_hcc_receives_messages(self):
        listener = subprocess.Popen([os.environ["HCC"], "wait"], stdout=subprocess.PIPE, text=True)
        try:
            ended, lines = threading.Event(), []

            def read():
                for line in listener.stdout:
                    lines.append(line)
                    if line == "two words\n":
                        return ended.set()

            threading.Thread(target=read, daemon=True).start()
            deadline = time.monotonic() + TIMEOUT
            while not ended.wait(0.1) and time.monotonic() < deadline:
                put("two words")
            self.assertIn("two words\n", lines)
        finally:
            listener.kill()
            listener.wait()
            listener.stdout.close()


if __name__ == "__main__":
    unittest.main(failfast=True)
