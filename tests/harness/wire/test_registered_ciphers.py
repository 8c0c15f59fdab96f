"""Suites by the names that IANA has (RFC 8314 §4.3)."""

import ssl

import pytest

from harness.wire.tls import registered_cipher


@pytest.mark.parametrize(
    ("name", "registered"),
    [
        ("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
        ("ECDHE-ECDSA-AES128-GCM-SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        ("ECDHE-RSA-CHACHA20-POLY1305", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"),
        ("DHE-RSA-AES256-GCM-SHA384", "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
        ("ECDHE-RSA-AES256-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
        ("ECDHE-RSA-AES128-SHA", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
        ("AES128-SHA256", "TLS_RSA_WITH_AES_128_CBC_SHA256"),
        ("AES256-GCM-SHA384", "TLS_RSA_WITH_AES_256_GCM_SHA384"),
        ("CHACHA20-POLY1305", ""),
        ("PSK-AES128-CCM8", ""),
        ("", ""),
    ],
)
def test_known_names(name: str, registered: str) -> None:
    assert registered_cipher(name) == registered


def test_every_suite_that_python_offers_by_default_has_one() -> None:
    names = [str(suite["name"]) for suite in ssl.create_default_context().get_ciphers()]

    assert [name for name in names if not registered_cipher(name)] == []
