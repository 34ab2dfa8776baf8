"""Runs every grant with Authlib against an issuer that it discovers by itself. What it is given is on standard input;
every step is a line of JSON on standard output."""

import json
import os
import sys
import time

# Authlib asks for https of loopback addresses too.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import jwt
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc.jwk import ECKey

given = json.load(sys.stdin)
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT = "urn:ietf:params:oauth:token-type:jwt"
API_KEY = "urn:bearward:params:oauth:token-type:api-key"


def discover(suffix):
    url = get_well_known_url(given["issuer"], external=True, suffix=suffix)
    found = AuthorizationServerMetadata(requests.get(url, timeout=10).json())
    found.validate()
    return found


metadata = discover("oauth-authorization-server")


def client(client_id, secret, method):
    """Every endpoint that the client uses is one that it has discovered."""
    session = OAuth2Session(
        client_id,
        secret,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        default_timeout=10,
        **{name: metadata[name] for name in ("token_endpoint", "revocation_endpoint", "introspection_endpoint")},
    )
    if method == "private_key_jwt":
        session.register_client_auth_method(PrivateKeyJWT(alg="ES256"))
    return session


def step(name, act):
    """The error of an answer is that of OAuthError, or of OAuth2Error from an AssertionSession. Whatever else goes wrong ends the script."""
    try:
        said = act()
    except (OAuthError, OAuth2Error) as error:
        said = {"refused": error.error, "class": type(error).__name__}
    print(json.dumps({"step": name} | {key: value for key, value in said.items() if value is not None}), flush=True)


def told(reply):
    """What a reply gives, and what its token says."""
    claims = jwt.decode(reply["access_token"], options={"verify_signature": False})
    if claims["iss"] != given["issuer"] or claims.get("scope", "") != reply.get("scope", ""):
        raise AssertionError("the token says something else")
    said = {name: claims.get(name) for name in ("sub", "aud", "client_id", "team")}
    said |= {name: reply.get(name) for name in ("scope", "issued_token_type")}
    return said | {"token_type": reply["token_type"].lower()}


basic = client("batch", given["secret"], "client_secret_basic")
post = client("batch", given["secret"], "client_secret_post")
signer = client("signer", ECKey.import_key(given["signer_key"]), "private_key_jwt")
terminal = client("terminal", None, "none")


def discovery():
    openid = discover("openid-configuration")
    same = all(metadata[name] == openid[name] for name in ("token_endpoint", "jwks_uri"))
    return {"issuer": metadata["issuer"], "is_same": same}


def own(session, **more):
    return session.fetch_token(grant_type="client_credentials", **more)


step("discovery", discovery)
for name, session in {"client_secret_basic": basic, "client_secret_post": post, "private_key_jwt": signer}.items():
    step(f"client credentials by {name}", lambda: told(own(session)))
step("narrower scope", lambda: told(own(basic, scope="stock:read")))
step("wider scope", lambda: told(own(basic, scope="stock:read admin")))
step("another audience", lambda: told(own(basic, audience="orders")))
step("no such audience", lambda: told(own(basic, audience="billing")))
for name in ("client_secret_basic", "client_secret_post"):
    step(f"wrong {name}", lambda: told(own(client("batch", given["wrong_secret"], name))))
stranger = client("signer", ECKey.import_key(given["partner_key"]), "private_key_jwt")
step("wrong private_key_jwt", lambda: told(own(stranger)))
step("grant of nobody", lambda: told(own(terminal)))


def exchange(session, token, kind, **more):
    return session.fetch_token(grant_type=TOKEN_EXCHANGE, subject_token=token, subject_token_type=kind, **more)


step("exchange of a JWT", lambda: told(exchange(basic, given["subject"], JWT)))
step("exchange of a JWT for more", lambda: told(exchange(basic, given["subject"], JWT, scope="stock:write")))
step("exchange of an expired JWT", lambda: told(exchange(basic, given["expired_subject"], JWT)))
step("exchange of an API key", lambda: told(exchange(basic, given["api_key"], API_KEY)))
step("exchange by a public client", lambda: told(exchange(terminal, given["subject"], JWT)))


def bearer(claims=None):
    """Authlib makes the assertion itself, for an hour."""
    session = AssertionSession(
        metadata["token_endpoint"],
        given["partner"],
        "bob",
        audience=given["issuer"],
        claims=claims,
        client_id="terminal",
        key=ECKey.import_key(given["partner_key"]),
        alg="ES256",
        default_timeout=10,
    )
    return session.refresh_token()


step("JWT bearer", lambda: told(bearer({"jti": "authlib-1"})))
step("JWT bearer once more", lambda: told(bearer({"jti": "authlib-1"})))


# Refresh tokens.
def refresh(session, token, **more):
    return session.refresh_token(refresh_token=token, **more)


first = exchange(basic, given["subject"], JWT)
second = refresh(basic, first["refresh_token"])
step("refresh", lambda: told(second) | {"is_new": second["refresh_token"] != first["refresh_token"]})


def lost():
    again = refresh(basic, first["refresh_token"])
    return told(again) | {"is_same": again["refresh_token"] == second["refresh_token"]}


step("refresh, answer lost", lost)
step("refresh for more", lambda: told(refresh(basic, second["refresh_token"], scope="stock:write")))
step("refresh by another", lambda: told(refresh(signer, second["refresh_token"])))
third = refresh(basic, second["refresh_token"])
time.sleep((given["grace_ms"] + 500) / 1000)
step("refresh with an old one", lambda: told(refresh(basic, second["refresh_token"])))
step("refresh after that", lambda: told(refresh(basic, third["refresh_token"])))


# What tokens are worth.
def checked(reply):
    """Authlib hands replies of these endpoints over as they are."""
    body = reply.json() if reply.content else {}
    if "error" in body:
        raise OAuthError(body["error"])
    reply.raise_for_status()
    return body


def inspect(session, token):
    return checked(session.introspect_token(metadata["introspection_endpoint"], token))


def about(token):
    said = inspect(basic, token)
    return {name: said.get(name) for name in ("active", "sub", "scope", "client_id", "token_type")}


def revoke(session, token):
    return checked(session.revoke_token(metadata["revocation_endpoint"], token))


def revoked():
    revoke(signer, token)
    return about(token)


def family_revoked():
    reply = exchange(basic, given["subject"], JWT)
    revoke(basic, reply["refresh_token"])
    return told(refresh(basic, reply["refresh_token"]))


token = own(signer)["access_token"]
step("introspection", lambda: about(token))
step("introspection by a signed assertion", lambda: {"active": inspect(signer, token)["active"]})
step("introspection of what is no token", lambda: about("nothing"))
step("revocation of another client’s", lambda: revoke(basic, token))
step("revocation", revoked)
step("revocation of a refresh token", family_revoked)


# Tokens at a route.
def api(session, path):
    reply = session.get(given["api"] + path)
    said = {"status": reply.status_code}
    if reply.status_code != 200:
        scheme, _, parameters = reply.headers["WWW-Authenticate"].partition(" ")
        error = [part.split('"')[1] for part in parameters.split(",") if part.strip().startswith("error=")]
        said |= {"scheme": scheme.lower(), "error": error[0] if error else None}
    return said


own(basic)
step("route", lambda: api(basic, ""))
step("route of another scope", lambda: api(basic, "/admin"))
basic.token = {"access_token": "nothing", "token_type": "Bearer", "expires_in": 3600}
step("route without a good token", lambda: api(basic, ""))
