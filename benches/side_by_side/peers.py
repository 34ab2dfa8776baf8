"""The proxies and the upstream, each with the configuration that its users would write."""

import dataclasses
import json
import pathlib
import textwrap

import tokens

UPSTREAM_PORT, NGINX_PORT, BEARWARD_PORT, ENVOY_PORT = 18400, 18401, 18402, 18403

REPLY = "x" * 1024

CHAT = json.dumps({"model": "small", "messages": [{"role": "user", "content": "word " * 180}]})


@dataclasses.dataclass
class Proxy:
    name: str
    command: list[str]
    port: int
    folder: pathlib.Path


def nginx_config(folder: pathlib.Path, name: str, http: str) -> list[str]:
    path = folder / f"{name}.conf"
    path.write_text(textwrap.dedent(f"""\
        worker_processes 1;
        daemon off;
        pid {folder}/{name}.pid;
        error_log {folder}/{name}.error.log;
        events {{ worker_connections 1024; }}
        http {{
          client_body_temp_path {folder}/{name}-body;
          proxy_temp_path {folder}/{name}-proxy;
          fastcgi_temp_path {folder}/{name}-fastcgi;
          uwsgi_temp_path {folder}/{name}-uwsgi;
          scgi_temp_path {folder}/{name}-scgi;
          keepalive_requests 1000000000;
        {http}
        }}
        """))
    return ["nginx", "-c", str(path), "-e", f"{folder}/{name}.error.log"]


def upstream(folder: pathlib.Path) -> list[str]:
    return nginx_config(folder, "upstream", f"""
          access_log off;
          server {{
            listen 127.0.0.1:{UPSTREAM_PORT} backlog=1024;
            location / {{ return 200 "{REPLY}"; }}
          }}
    """)


def nginx(folder: pathlib.Path) -> Proxy:
    command = nginx_config(folder, "nginx", f"""
          access_log {folder}/nginx.access.log combined;
          upstream bench {{ server 127.0.0.1:{UPSTREAM_PORT}; keepalive 64; keepalive_requests 1000000000; }}
          server {{
            listen 127.0.0.1:{NGINX_PORT} backlog=1024;
            location / {{
              proxy_pass http://bench;
              proxy_http_version 1.1;
              proxy_set_header Connection "";
              proxy_set_header Host $host;
              proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
              proxy_set_header X-Forwarded-Proto $scheme;
              proxy_set_header X-Forwarded-Host $host;
              proxy_set_header X-Request-Id $request_id;
            }}
          }}
    """)
    return Proxy("nginx", command, NGINX_PORT, folder)


def bearward(folder: pathlib.Path, binary: pathlib.Path, keys: tokens.Keys) -> Proxy:
    path = folder / "bench.yaml"
    url = f"http://127.0.0.1:{UPSTREAM_PORT}"
    documents = [
        {"apiVersion": "bearward.dev/v1alpha1", "kind": "TokenPolicy", "metadata": {"name": "bench"}, "spec": {"accept": [
            {"name": "corp", "jwt": {"issuer": tokens.ISSUER, "audiences": [tokens.AUDIENCE], "keys": {"inline": keys.jwks()}}}]}},
        {"apiVersion": "bearward.dev/v1alpha1", "kind": "ModelBackend", "metadata": {"name": "small"},
         "spec": {"provider": "OpenAICompatible", "endpoint": f"{url}/v1"}},
        {"apiVersion": "bearward.dev/v1alpha1", "kind": "ApiRoute", "metadata": {"name": "bench"}, "spec": {
            "hosts": ["bench.example.com"], "rules": [
                {"name": "open", "matches": [{"path": {"value": "/open"}}], "auth": {"anonymous": True}, "backends": [{"url": url}]},
                {"name": "guarded", "matches": [{"path": {"value": "/guarded"}}], "backends": [{"url": url}],
                 "auth": {"tokens": [{"policyRef": {"name": "bench"}, "scopes": ["orders:read"], "claims": [{"claim": "tenant", "equals": "acme"}]}]}},
                {"name": "model", "matches": [{"path": {"value": "/v1"}}], "backends": [{"modelRef": {"name": "small"}}],
                 "auth": {"tokens": [{"policyRef": {"name": "bench"}}]}},
            ]}},
    ]
    return serve(folder, binary, path, documents)


def bearward_with_routes(folder: pathlib.Path, binary: pathlib.Path, keys: tokens.Keys, routes: int) -> Proxy:
    """One route a host, guarded by one of twelve policies with a rule of its own."""
    def document(kind: str, name: str, spec: dict) -> dict:
        return {"apiVersion": "bearward.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}

    policies = [document("TokenPolicy", f"policy-{number}", {"accept": [{"name": "corp", "jwt": {
        "issuer": f"{tokens.ISSUER}/{number}", "audiences": [tokens.AUDIENCE], "keys": {"inline": keys.jwks()}}}]}) for number in range(12)]
    guarded = [document("ApiRoute", f"route-{number}", {"hosts": [f"host-{number}.example.com"], "rules": [{
        "name": "orders", "matches": [{"path": {"value": "/orders"}, "methods": ["GET"]}],
        "auth": {"tokens": [{"policyRef": {"name": f"policy-{number % 12}"}, "scopes": ["orders:read"]}]},
        "backends": [{"url": f"http://127.0.0.1:{UPSTREAM_PORT}"}]}]}) for number in range(routes)]
    return serve(folder, binary, folder / f"routes-{routes}.yaml", policies + guarded)


def serve(folder: pathlib.Path, binary: pathlib.Path, path: pathlib.Path, documents: list[dict]) -> Proxy:
    path.write_text("\n---\n".join(json.dumps(document) for document in documents))
    command = [str(binary), "serve", str(path), "--http", f"127.0.0.1:{BEARWARD_PORT}", "--probes", "127.0.0.1:0",
               "--admin", "127.0.0.1:0", "--threads", "1", "--access-log", str(folder / "bearward.access.log")]
    return Proxy("bearward", command, BEARWARD_PORT, folder)


def envoy(folder: pathlib.Path, binary: str, keys: tokens.Keys, jwt: bool) -> Proxy:
    filters = []
    if jwt:
        filters.append({"name": "envoy.filters.http.jwt_authn", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"corp": {"issuer": tokens.ISSUER, "audiences": [tokens.AUDIENCE],
                                   "local_jwks": {"inline_string": keys.jwks()}, "jwt_cache_config": {"jwt_cache_size": 1000}}},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "corp"}}]}})
    filters.append({"name": "envoy.filters.http.router", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}})
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bench", "use_remote_address": True,
        "access_log": [{"name": "file", "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": f"{folder}/envoy.access.log"}}],
        "route_config": {"virtual_hosts": [{"name": "bench", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "bench"}}]}]},
        "http_filters": filters,
    }
    config = {"static_resources": {
        "listeners": [{"name": "bench", "address": {"socket_address": {"address": "127.0.0.1", "port_value": ENVOY_PORT}},
                       "filter_chains": [{"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}]}],
        "clusters": [{"name": "bench", "type": "STATIC", "load_assignment": {"cluster_name": "bench", "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": UPSTREAM_PORT}}}}]}]}}],
    }}
    path = folder / f"envoy-{jwt}.json"
    path.write_text(json.dumps(config))
    return Proxy("Envoy", [binary, "-c", str(path), "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"], ENVOY_PORT, folder)
