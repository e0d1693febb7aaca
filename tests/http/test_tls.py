"""A target's certificate is checked by the machine's authorities, by one that is named, or not at all."""

import shutil
import ssl
import subprocess
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tailguard.base.errors import UsageError
from tailguard.http import HttpConnections, Tls
from tailguard.http.tls import read_tls
from tests.support.declared_play import Played


class Answering(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def own_authority(tmp_path):
    """The address of a server whose certificate nobody else has signed; its certificate is ca.pem beside the test."""
    if not shutil.which("openssl"):
        pytest.skip("a certificate of one's own is made by openssl")
    words = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "key.pem",
        "-out",
        "ca.pem",
    ]
    name = ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*words, *name], cwd=tmp_path, check=True, capture_output=True)
    server = HTTPServer(("localhost", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield urlsplit(f"https://localhost:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


def status(address, tls):
    with closing(HttpConnections(tls.context())) as connections:
        return connections.exchange(address, "GET", "/", None, {})[0]


def described(folder, text):
    file = folder / "target.toml"
    file.write_text(f"[target]\n{text}\n", encoding="utf-8")
    return read_tls(str(file))


def test_a_certificate_that_no_authority_of_the_machine_has_signed_is_refused(own_authority, tmp_path):
    for tls in (Tls(), described(tmp_path, 'health = "/up"')):
        with pytest.raises(ssl.SSLCertVerificationError):
            status(own_authority, tls)


def test_the_authority_that_the_targets_file_names_is_believed(own_authority, tmp_path):
    assert status(own_authority, described(tmp_path, 'ca_file = "ca.pem"')) == 204


def test_with_verify_tls_false_anybody_is_believed(own_authority, tmp_path):
    assert status(own_authority, described(tmp_path, "verify_tls = false")) == 204


@pytest.mark.parametrize("name", ["none.pem", "target.toml"])
def test_authorities_that_cannot_be_read_are_named(tmp_path, name):
    with pytest.raises(UsageError, match=rf"\[target\]: cannot read the certificates in ca_file .*{name}"):
        described(tmp_path, f'ca_file = "{name}"')


def test_a_run_without_a_target_of_its_own_file_checks_as_usual():
    assert read_tls("") == Tls()


def failures_of_scenario(folder, url, target):
    """Play a declared scenario, whose requests an event loop sends, and return how often each failure came."""
    file = folder / "go.toml"
    steps = '[[scenario.go.steps]]\nname = "go"\npath = "/"\n'
    file.write_text(f"[target]\n{target}\n{steps}", encoding="utf-8")
    return Played(file, url, 4).kinds("go")


@pytest.mark.parametrize("target", ['ca_file = "ca.pem"', "verify_tls = false"])
def test_a_declared_scenario_believes_whom_its_file_names_or_anybody(own_authority, tmp_path, target):
    assert failures_of_scenario(tmp_path, own_authority.geturl(), target) == {}


def test_a_declared_scenario_believes_nobody_else(own_authority, tmp_path):
    refused = {"SSLCertVerificationError": 4}
    assert failures_of_scenario(tmp_path, own_authority.geturl(), "") == refused
    other_name = own_authority.geturl().replace("localhost", "127.0.0.1")
    assert failures_of_scenario(tmp_path, other_name, 'ca_file = "ca.pem"') == refused
    assert failures_of_scenario(tmp_path, other_name, "verify_tls = false") == {}
