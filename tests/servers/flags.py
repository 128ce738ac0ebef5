"""How the three servers of a test control plane are told to stay on loopback and to be quick.

A flag that every Kubernetes has by default is not repeated; one that differs from production says why.
"""

from pathlib import Path

from tests.servers.certificates import ServingFiles


def etcd_arguments(data: Path, client: int, peer: int) -> list[str]:
    client_url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        f"--data-dir={data}",
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        f"--listen-peer-urls={peer_url}",
        f"--initial-advertise-peer-urls={peer_url}",
        f"--initial-cluster=default={peer_url}",
        "--unsafe-no-fsync",  # the data need not outlive a power cut
        "--log-level=warn",
    ]


def api_server_arguments(folder: Path, files: ServingFiles, *, port: int, etcd: str) -> list[str]:
    return [
        f"--etcd-servers={etcd}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # it refuses to publish a loopback address
        f"--secure-port={port}",
        f"--tls-cert-file={files.certificate}",
        f"--tls-private-key-file={files.key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        f"--service-account-key-file={files.account_public_key}",
        f"--service-account-signing-key-file={files.account_key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        f"--audit-policy-file={folder / 'audit-policy.json'}",
        f"--audit-log-path={folder / 'audit.log'}",
        "--audit-log-maxsize=4096",  # megabytes; a rotated log would lose what a mark points at
        "--profiling=false",
    ]


def controller_manager_arguments(folder: Path, files: ServingFiles) -> list[str]:
    return [
        f"--kubeconfig={folder / 'controller-manager.kubeconfig'}",
        "--leader-elect=false",
        f"--service-account-private-key-file={files.account_key}",
        f"--root-ca-file={files.authority}",
        "--use-service-account-credentials",
        "--controllers=*",
        "--secure-port=0",
        "--profiling=false",
    ]
