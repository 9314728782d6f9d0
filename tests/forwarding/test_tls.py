"""The options of TLS: what is made of them, and which will not do."""

from __future__ import annotations

import copy
import os
import pickle
import ssl
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import Name, NameAttribute, load_pem_x509_certificate

from tests import certificates
from wsgikit.forwarding.proxy import ReverseProxy
from wsgikit.forwarding.tls import TLS, checked
from wsgikit.forwarding.transports.tlswire import connect_tls
from wsgikit.forwarding.upstream import parse
from wsgikit.testing import ScriptedUpstream

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to stand in, with one of each kind of file."""
    monkeypatch.chdir(tmp_path)
    certificates.trusted(tmp_path)  # ours.pem
    certificates.client(tmp_path)  # client-ours.pem, with its key
    leaf = certificates.certificate("client.internal")
    leaf.cert_chain_pems[0].write_to_path("cert.pem")
    leaf.private_key_pem.write_to_path("key.pem")
    certificates.certificate("other.internal").private_key_pem.write_to_path("other.pem")
    key = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (tmp_path / "locked.pem").write_bytes(locked)
    (tmp_path / "locked-too.pem").write_bytes(locked + leaf.cert_chain_pems[0].bytes())
    (tmp_path / "empty.pem").touch()
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "ours.pem").write_bytes((tmp_path / "ours.pem").read_bytes())
    return tmp_path


def test_a_context_verifies_unless_told_otherwise(folder: Path) -> None:
    context = TLS(ca="ours.pem").context()
    assert (context.check_hostname, context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert [dict(one["subject"][0])["organizationName"] for one in context.get_ca_certs()] == ["ours"]
    context = TLS(verify=False, minimum="1.3").context()
    assert (context.check_hostname, context.verify_mode) == (False, ssl.CERT_NONE)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_3


def test_each_context_is_a_new_one_and_the_one_that_is_used_is_not(folder: Path) -> None:
    tls = TLS(ca="ours.pem")
    assert tls.context() is not tls.context()
    assert tls.loaded() is tls.loaded()


def test_files_are_read_once(folder: Path) -> None:
    tls = TLS(ca="ours.pem", cert="client-ours.pem")
    for name in os.listdir(folder):
        if name.endswith(".pem"):
            os.unlink(name)
    assert tls.loaded().get_ca_certs()
    with pytest.raises(ValueError, match=r"TLS: ca='ours\.pem' will not do"):
        tls.context()


def test_paths_are_taken_as_well(folder: Path) -> None:
    tls = TLS(ca=folder / "ours.pem", cert=folder / "cert.pem", key=folder / "key.pem")
    assert tls.ca == str(folder / "ours.pem")


def test_a_directory_of_authorities_is_looked_into(folder: Path) -> None:
    directory = folder / "certs"
    (directory / "ours.pem").rename(directory / f"{subject_hash(directory / 'ours.pem')}.0")
    with ScriptedUpstream(tls=certificates.server()) as upstream:
        connect_tls(parse(upstream.url), 10.0, 10.0, TLS(ca="certs").loaded()).close()


def subject_hash(path: Path) -> str:
    """What ``openssl x509 -hash`` says: SHA-1 over the names in lower case, without the head of their sequence."""
    subject = load_pem_x509_certificate(path.read_bytes()).subject
    lower = Name([NameAttribute(part.oid, str(part.value).lower()) for part in subject])
    digest = hashes.Hash(hashes.SHA1())
    digest.update(lower.public_bytes()[2:])
    return digest.finalize()[3::-1].hex()


def test_it_shows_pickles_and_compares_by_its_options(folder: Path) -> None:
    tls = TLS(ca="ours.pem", server_name="app.internal")
    assert repr(tls) == "TLS(ca='ours.pem', server_name='app.internal')"
    assert pickle.loads(pickle.dumps(tls)) == tls == copy.deepcopy(tls)
    assert tls != TLS(ca="ours.pem")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ca": "none.pem"}, r"TLS: ca='none\.pem' will not do: a readable PEM file .*\(No such file"),
        ({"ca": "empty.pem"}, r"TLS: ca='empty\.pem' will not do: .*\(NO_CERTIFICATE"),
        ({"ca": "certs"}, r'TLS: ca=\'certs\' will not do: a directory .* \("openssl rehash"\)'),
        ({"ca": 1}, r"TLS: ca=1 \(int\) will not do"),
        ({"cert": "none.pem"}, r"TLS: cert='none\.pem' will not do: a readable PEM file \(No such file"),
        ({"cert": "empty.pem"}, r"TLS: cert='empty\.pem' will not do: a PEM certificate"),
        (
            {"cert": "cert.pem"},
            r"TLS: cert='cert\.pem' will not do: .* with its key in it, or in the file of key=",
        ),
        ({"cert": "locked-too.pem"}, r"TLS: cert='locked-too\.pem' will not do: a key without a passphrase"),
        (
            {"cert": "cert.pem", "key": "locked.pem"},
            r"TLS: key='locked\.pem' will not do: a key without a pass",
        ),
        ({"cert": "cert.pem", "key": "none.pem"}, r"TLS: key='none\.pem' will not do: a readable PEM file"),
        (
            {"cert": "cert.pem", "key": "other.pem"},
            r"TLS: cert='cert\.pem' .* key= names \(KEY_VALUES_MISMATCH",
        ),
        ({"key": "key.pem"}, r"TLS: key='key\.pem' will not do: the key of a certificate"),
        ({"server_name": ""}, "TLS: server_name='' will not do: a host name"),
        ({"server_name": "app.internal:443"}, "TLS: server_name='app.internal:443' will not do"),
        ({"server_name": "a..b"}, r"TLS: server_name='a\.\.b' will not do"),
        ({"server_name": b"app"}, r"TLS: server_name=b'app' \(bytes\) will not do"),
        ({"verify": None}, r"TLS: verify=None \(NoneType\) will not do: True or False"),
        ({"minimum": "1.1"}, r"TLS: minimum='1\.1' will not do: one of '1\.2', '1\.3'"),
        ({"minimum": 1.2}, r"TLS: minimum=1\.2 will not do: one of '1\.2', '1\.3'"),
        ({"verfy": False}, r"TLS: no option 'verfy'; did you mean 'verify'\?"),
    ],
)
def test_options_that_will_not_do_are_named(folder: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        TLS(**options)


@pytest.mark.parametrize("name", ["app.internal", "app.internal.", "my_app", "10.0.0.1", "::1"])
def test_names_and_addresses_can_be_asked_for(name: str) -> None:
    assert TLS(server_name=name).server_name == name


# ---- the option of a layer


def test_a_context_for_clients_will_do() -> None:
    context = ssl.create_default_context()
    assert checked("ReverseProxy", context) is context
    assert checked("ReverseProxy", None) == TLS()


@pytest.mark.parametrize("value", [True, "ca.pem", ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)])
def test_what_cannot_connect_will_not_do(value: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"ReverseProxy: tls=.* will not do: a TLS, or an"):
        ReverseProxy("https://a", tls=value)
