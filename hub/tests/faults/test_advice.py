"""The configuration that `trunkline doctor --broker-config` prints is one that a broker takes."""

import json
import subprocess
import sys

from trunkline_hub.embedded.broker import find_binary


def test_the_printed_configuration_is_accepted_by_the_broker(tmp_path):
    command = [sys.executable, "-m", "trunkline.cli", "--json", "doctor", "--broker-config"]
    advice = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)
    assert set(advice["nodes"]) == {"nats-1", "nats-2", "nats-3"}
    for name, text in advice["nodes"].items():
        file = tmp_path / f"{name}.conf"
        file.write_text(text.replace("/var/lib/nats", str(tmp_path / name)))
        checked = subprocess.run([find_binary(), "-t", "-c", str(file)], check=False, capture_output=True, timeout=20)
        assert checked.returncode == 0, checked.stderr
        assert "sync_interval: always" in text
    assert advice["hub"]["TRUNKLINE_BUS__REPLICAS"] == "3"
    assert advice["hub"]["TRUNKLINE_BUS__PASSWORD"] in advice["nodes"]["nats-1"]
