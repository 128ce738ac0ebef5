"""A host is yours when no stranger can have its name or its address."""

import pytest

from aios.wiring.own_hosts import is_own


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.8.0.9", "10.1.2.3", "172.31.0.1", "192.168.1.7", "169.254.3.4", "127.1"),
        *("::1", "fd00::7", "fe80::1"),
        *("localhost", "embedder", "ollama-1", "gpu.localhost"),
        *("embed.models.svc", "embed.models.svc.cluster.local", "embed.models.svc.cluster.local.", "pod.cluster.local"),
        *("gpu.local", "ip-10-0-0-1.ec2.internal", "gpu.lan", "gpu.home.arpa"),
    ],
)
def test_what_only_you_can_have_is_yours(host: str) -> None:
    assert is_own(host)


@pytest.mark.parametrize(
    "host",
    [
        *("8.8.8.8", "172.32.0.1", "100.64.0.1", "192.0.2.1", "2606:4700::1111"),
        *("134744072", "0x8080808", "010.0.0.1", "8.526344"),
        *("::ffff:8.8.8.8", "2002:808:808::1", "2001:0:808:808::1", "64:ff9b:1::808:808"),
        *("api.newvendor.com", "local.evil.com", "my.notlan", "gpu.svc.com", "10.0.0.1.nip.io", "ai.", ""),
    ],
)
def test_what_a_stranger_may_have_is_not(host: str) -> None:
    assert not is_own(host)
