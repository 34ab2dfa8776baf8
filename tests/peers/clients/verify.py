"""Verifies tokens with PyJWT for as long as standard input lasts. Its first line says whose they are, every other one is a
new token; each is answered with a line of JSON, when every token that is still valid has been verified by every key set."""

import json
import sys
import time

import jwt
import requests
from authlib.oauth2.rfc8414 import get_well_known_url

given = json.loads(sys.stdin.readline())
metadata = requests.get(get_well_known_url(given["issuer"], external=True), timeout=10).json()
sets, tokens = [], []


def is_over(token):
    return time.time() >= jwt.decode(token, options={"verify_signature": False})["exp"]


def verify(token, keys):
    key = keys.get_signing_key_from_jwt(token)
    jwt.decode(token, key, algorithms=[given["algorithm"]], issuer=given["issuer"], audience="stock")
    return key.key_id


for place, line in enumerate(sys.stdin):
    # Each with its own cache, so that some set was fetched at every moment of a rotation.
    if place % given["new_set_every"] == 0:
        sets.append(jwt.PyJWKClient(metadata["jwks_uri"]))
    tokens = [token for token in [*tokens, line.strip()] if not is_over(token)]
    verified, kids, failures = 0, set(), []
    for keys in sets:
        for token in tokens:
            try:
                kids.add(verify(token, keys))
                verified += 1
            except jwt.PyJWTError as error:
                # It may have ended on the way here.
                if not is_over(token):
                    failures.append(f"{type(error).__name__}: {error}")
    print(json.dumps({"verified": verified, "kids": sorted(kids), "failures": failures, "sets": len(sets)}), flush=True)
