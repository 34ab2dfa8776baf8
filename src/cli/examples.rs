//! What each command's help ends with: how it is used.

pub(super) const BEARWARD: &str = "\
Examples:
  bearward demo                       see tokens accepted and refused, in a minute
  bearward serve routes.yaml          serve what a file says
  bearward check routes.yaml          say what is wrong with it, and how to mend it
  bearward crds | kubectl apply -f -  install the resource definitions
  bearward run                        serve what a cluster says
  bearward token inspect < token      show what a token says
  bearward keys generate api-key --owner batch --label team=shop

Every flag of run, serve and demo can be set in the environment, as BEARWARD_ and its name; the
flag wins. HTTPS_PROXY and NO_PROXY are honoured when key sets are fetched.
Exit codes: 0; 1 where something was found to be wrong; 2 where the command was called wrongly.
`bearward COMMAND --help` says more.";

pub(super) const SERVE: &str = "\
Examples:
  bearward serve routes.yaml
  bearward serve ./config ./secrets/keys.yaml --http [::]:8080
  bearward serve ./config --access-log /var/log/bearward.jsonl --trusted-proxies 10.0.0.0/8

A file to begin with:
  apiVersion: bearward.dev/v1alpha1
  kind: ApiRoute
  metadata: {name: orders}
  spec:
    hosts: [api.example.com]
    rules:
    - name: all
      matches: [{path: {value: /orders}}]
      auth: {tokens: [{policyRef: {name: partners}, scopes: [orders:read]}]}
      backends: [{url: \"http://127.0.0.1:3000\"}]
  ---
  apiVersion: bearward.dev/v1alpha1
  kind: TokenPolicy
  metadata: {name: partners}
  spec:
    accept:
    - name: corp
      jwt: {issuer: \"https://login.example.com/\", audiences: [orders], keys: {discovery: {}}}";

pub(super) const CHECK: &str = "\
Examples:
  bearward check routes.yaml
  bearward check --cluster ./config && kubectl apply -f ./config
  bearward check ./config --class internal --egress-allow 10.20.0.0/16";

pub(super) const RUN: &str = "\
Examples:
  bearward run
  bearward run --namespaces shop,payments --service bearward
  bearward run --egress-allow 10.20.0.0/16 --trusted-proxies 10.0.0.0/8

SIGTERM drains: readiness fails at once, new connections are taken for --shutdown-delay, requests
under way may finish within --shutdown-grace. A second signal ends the process at once.";

pub(super) const DEMO: &str = "\
Examples:
  bearward demo
  bearward demo --http 127.0.0.1:9000
  bearward demo --access-log none     the curl lines only, no decisions";

pub(super) const CRDS: &str = "\
Examples:
  bearward crds | kubectl apply --server-side -f -
  bearward crds > crds.yaml";

pub(super) const TOKEN: &str = "\
Examples:
  bearward token mint --new-key key.pem --key-set keys.json --issuer https://test --audience orders > token
  bearward token inspect < token
  bearward token verify --key-set keys.json --issuer https://test --audience orders < token

Tokens are read from standard input, never from arguments, which other users of the machine can see.";

pub(super) const MINT: &str = "\
Examples:
  bearward token mint --new-key key.pem --key-set keys.json --issuer https://test --audience orders
  bearward token mint --key key.pem --issuer https://test --audience orders --scope orders:read
  bearward token mint --key key.pem --issuer https://test --audience orders --lifetime 1h \\
    --claim tenant=acme --claim groups='[\"a\",\"b\"]' --claim jti=null";

pub(super) const INSPECT: &str = "\
Examples:
  bearward token inspect < token
  echo \"$AUTHORIZATION\" | bearward token inspect";

pub(super) const VERIFY: &str = "\
Examples:
  bearward token verify --key-set keys.json --issuer https://login.example.com/ --audience orders < token
  bearward token verify --key-set keys.json --issuer https://test --audience orders --profile Generic < token";

pub(super) const KEYS: &str = "\
Examples:
  bearward keys generate api-key --owner batch --scope orders:read --label team=shop
  bearward keys generate client-secret --name batch-client
  bearward keys generate signing --private-key key.pem > keys.json
  bearward keys hash < key";

pub(super) const GENERATE: &str = "\
Examples:
  bearward keys generate api-key --owner batch --label team=shop | kubectl apply -n shop -f -
  bearward keys generate client-secret --name batch-client | kubectl apply -n shop -f -
  bearward keys generate signing --private-key key.pem --key-set keys.json";

pub(super) const API_KEY: &str = "\
Examples:
  bearward keys generate api-key --owner batch --label team=shop | kubectl apply -n shop -f -
  bearward keys generate api-key --owner batch --scope orders:read --label team=shop --secret batch.yaml > key
  curl -H \"x-api-key: $(cat key)\" https://api.example.com/orders";

pub(super) const CLIENT_SECRET: &str = "\
Examples:
  bearward keys generate client-secret --name batch-client | kubectl apply -n shop -f -
  bearward keys generate client-secret --name batch-client --lifetime 2160h --secret batch-client.yaml > secret

To replace a secret without a break, apply the new Secret with two more members: previousHash, the
hash of the old one, and previousExpiresAt, until when both are taken.";

pub(super) const SIGNING: &str = "\
Examples:
  bearward keys generate signing --private-key key.pem --key-set keys.json
  bearward keys generate signing --private-key key.pem --algorithm RS256 > keys.json";

pub(super) const HASH: &str = "\
Examples:
  bearward keys hash < key";
