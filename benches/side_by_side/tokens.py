"""The keys of a make-believe issuer, and tokens that it signed."""

import base64
import json
import pathlib
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

ISSUER = "https://issuer.bench.example.com"
AUDIENCE = "bench"

# More than both levels of the cache of verified tokens hold, so that each comes as a new one.
MANY = 90_000


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, size: int) -> str:
    return text(value.to_bytes(size, "big"))


class Keys:
    def __init__(self) -> None:
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.rsa = rsa.generate_private_key(65537, 2048)

    def jwks(self) -> str:
        point = self.ec.public_key().public_numbers()
        modulus = self.rsa.public_key().public_numbers()
        return json.dumps({"keys": [
            {"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256", "use": "sig", "x": number(point.x, 32), "y": number(point.y, 32)},
            {"kty": "RSA", "kid": "rsa", "alg": "RS256", "use": "sig", "n": number(modulus.n, 256), "e": text(b"\x01\x00\x01")},
        ]})

    def token(self, algorithm: str, serial: int) -> str:
        now = int(time.time())
        header = {"alg": algorithm, "typ": "at+jwt", "kid": "ec" if algorithm == "ES256" else "rsa"}
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "bench", "client_id": "bench", "iat": now, "exp": now + 7200,
                  "jti": f"{algorithm}-{serial}", "scope": "orders:read orders:write", "tenant": "acme",
                  "name": "A person with a name of some length", "groups": ["one", "two", "three"]}
        signed = ".".join(text(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        if algorithm == "ES256":
            r, s = utils.decode_dss_signature(self.ec.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
            signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        else:
            signature = self.rsa.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{text(signature)}"


def write_many(keys: Keys, algorithm: str, path: pathlib.Path) -> pathlib.Path:
    with path.open("w") as file:
        file.writelines(keys.token(algorithm, serial) + "\n" for serial in range(MANY))
    return path
