"""The cluster's own certificate authority, and what proves to its API server who is who."""

from __future__ import annotations

import base64
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")


@dataclass(frozen=True)
class Authority:
    """Signs with a key in its folder."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def service_accounts_key(self) -> Path:
        return self.folder / "service-accounts.key"

    @property
    def service_accounts_public_key(self) -> Path:
        return self.folder / "service-accounts.pub"

    def create(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _openssl("req", "-x509", *CURVE, "-subj", "/CN=darkroom-tests", "-keyout", self.folder / "ca.key", "-out", self.certificate)
        _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", self.service_accounts_key)
        _openssl("pkey", "-in", self.service_accounts_key, "-pubout", "-out", self.service_accounts_public_key)

    def sign(self, name: str, subject: str, *alternatives: str) -> tuple[Path, Path]:
        """Return certificate and key of a subject, which answers under the alternative names as well."""
        certificate, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        extensions = ["-addext", f"subjectAltName={','.join(alternatives)}"] if alternatives else []
        extensions += ["-addext", "extendedKeyUsage=clientAuth,serverAuth", "-addext", "basicConstraints=critical,CA:FALSE"]
        by = ("-CA", self.certificate, "-CAkey", self.folder / "ca.key")
        _openssl("req", "-x509", *by, *CURVE, "-subj", subject, *extensions, "-keyout", key, "-out", certificate)
        return certificate, key

    def kubeconfig(self, path: Path, server: str, name: str, subject: str, *alternatives: str) -> Path:
        """Write a kubeconfig, complete in itself, for a subject."""
        certificate, key = self.sign(name, subject, *alternatives)
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "tests", "cluster": {"server": server, "certificate-authority-data": _data(self.certificate)}}],
            "users": [{"name": name, "user": {"client-certificate-data": _data(certificate), "client-key-data": _data(key)}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": name}}],
            "current-context": "tests",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(config, indent=2))
        return path


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def _openssl(*words: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr}")
