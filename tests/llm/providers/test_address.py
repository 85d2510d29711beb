import pytest

from llm_modules.errors import ConfigError
from llm_modules.llm.providers.address import Server, server_of


@pytest.mark.parametrize(
    ("address", "server"),
    [
        ("https://Host.Example/v1", Server("https", "host.example", 443)),
        ("https://host.example:443", Server("https", "host.example", 443)),
        ("http://host.example/v1?x", Server("http", "host.example", 80)),
        ("http://[::1]:8000/v1", Server("http", "::1", 8000)),
        ("", Server("", "", None)),
    ],
)
def test_an_address_names_a_server(address: str, server: Server) -> None:
    assert server_of(address) == server


@pytest.mark.parametrize("address", ["http://[oops", "http://host:99999/v1", "http://host:x"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match=r"llm_config.api_base: found .*, expected an address"):
        server_of(address)


@pytest.mark.parametrize(
    ("host", "is_loopback", "is_private"),
    [
        ("localhost", True, True),
        ("127.0.0.1", True, True),
        ("127.1.2.3", True, True),
        ("[::1]", True, True),
        ("10.0.0.1", False, True),
        ("192.168.1.5", False, True),
        ("100.64.0.1", False, True),
        ("[fd00::1]", False, True),
        ("ollama", False, True),
        ("gpu.local", False, True),
        ("host.docker.internal", False, True),
        ("gpu.home.arpa", False, True),
        ("gpu.lan", False, True),
        ("a.localhost", False, True),
        ("8.8.8.8", False, False),
        ("[2606:4700::1]", False, False),
        ("api.openai.com", False, False),
        ("local.example", False, False),
        ("127.0.0.1.example.com", False, False),
    ],
)
def test_where_a_server_is_follows_from_its_name(
    host: str, *, is_loopback: bool, is_private: bool
) -> None:
    server = server_of(f"http://{host}:8000/v1")
    assert (server.is_loopback, server.is_private) == (is_loopback, is_private)


def test_what_has_no_host_is_nowhere() -> None:
    assert not server_of("").is_private


@pytest.mark.parametrize(("scheme", "is_encrypted"), [("https", True), ("http", False)])
def test_https_is_encrypted(scheme: str, *, is_encrypted: bool) -> None:
    assert server_of(f"{scheme}://host.example").is_encrypted is is_encrypted
