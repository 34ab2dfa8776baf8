// Runs every grant with openid-client against an issuer that it discovers by itself. What it is given is on standard
// input; every step is a line of JSON on standard output.
import { webcrypto } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { setTimeout as passed } from 'node:timers/promises';
import * as jose from 'jose';
import * as oauth from 'openid-client';

// The Node of Debian 12 has no such global.
globalThis.CryptoKey ??= webcrypto.CryptoKey;

const given = JSON.parse(await text(process.stdin));
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';
const API_KEY = 'urn:bearward:params:oauth:token-type:api-key';

// The error of an answer, and the class that openid-client has for it. Whatever else goes wrong ends the script.
const refusal = async (error) => {
  if (error instanceof oauth.ResponseBodyError) return { refused: error.error, class: 'ResponseBodyError' };
  if (error instanceof oauth.WWWAuthenticateChallengeError) {
    const body = await error.response.json();
    return { refused: body.error, class: 'WWWAuthenticateChallengeError' };
  }
  throw error;
};

const step = async (name, act) => {
  const said = await act().catch(refusal);
  console.log(JSON.stringify({ step: name, ...said }));
};

// What a reply gives, and what its token says.
const told = ({ access_token, token_type, scope, issued_token_type }) => {
  const { iss, sub, aud, client_id, team, scope: claimed } = jose.decodeJwt(access_token);
  if (iss !== given.issuer || (claimed ?? '') !== (scope ?? '')) throw new Error('the token says something else');
  return { token_type, scope, issued_token_type, sub, aud, client_id, team };
};

const client = (id, authentication, server = given.issuer) =>
  oauth.discovery(new URL(server), id, undefined, authentication, {
    algorithm: 'oauth2',
    execute: [oauth.allowInsecureRequests],
  });
const keyOf = (pem) => jose.importPKCS8(pem, 'ES256');

const basic = await client('batch', oauth.ClientSecretBasic(given.secret));
const post = await client('batch', oauth.ClientSecretPost(given.secret));
const signer = await client('signer', oauth.PrivateKeyJwt(await keyOf(given.signer_key)));
const terminal = await client('terminal', oauth.None());

await step('discovery', async () => {
  const openid = await oauth.discovery(new URL(given.issuer), 'batch', undefined, undefined, {
    execute: [oauth.allowInsecureRequests],
  });
  const [one, other] = [basic, openid].map((config) => config.serverMetadata());
  return { issuer: one.issuer, is_same: one.token_endpoint === other.token_endpoint && one.jwks_uri === other.jwks_uri };
});

for (const [name, config] of Object.entries({ client_secret_basic: basic, client_secret_post: post, private_key_jwt: signer })) {
  await step(`client credentials by ${name}`, async () => told(await oauth.clientCredentialsGrant(config)));
}
await step('narrower scope', async () => told(await oauth.clientCredentialsGrant(basic, { scope: 'stock:read' })));
await step('wider scope', async () => told(await oauth.clientCredentialsGrant(basic, { scope: 'stock:read admin' })));
await step('another audience', async () => told(await oauth.clientCredentialsGrant(basic, { audience: 'orders' })));
await step('no such audience', async () => told(await oauth.clientCredentialsGrant(basic, { audience: 'billing' })));

for (const [name, authentication] of Object.entries({
  client_secret_basic: oauth.ClientSecretBasic(given.wrong_secret),
  client_secret_post: oauth.ClientSecretPost(given.wrong_secret),
})) {
  const wrong = await client('batch', authentication);
  await step(`wrong ${name}`, async () => told(await oauth.clientCredentialsGrant(wrong)));
}
const stranger = await client('signer', oauth.PrivateKeyJwt(await keyOf(given.partner_key)));
await step('wrong private_key_jwt', async () => told(await oauth.clientCredentialsGrant(stranger)));
await step('grant of nobody', async () => told(await oauth.clientCredentialsGrant(terminal)));

const exchange = (config, subject_token, subject_token_type, more) =>
  oauth.genericGrantRequest(config, TOKEN_EXCHANGE, { subject_token, subject_token_type, ...more });
await step('exchange of a JWT', async () => told(await exchange(basic, given.subject, JWT)));
await step('exchange of a JWT for more', async () => told(await exchange(basic, given.subject, JWT, { scope: 'stock:write' })));
await step('exchange of an expired JWT', async () => told(await exchange(basic, given.expired_subject, JWT)));
await step('exchange of an API key', async () => told(await exchange(basic, given.api_key, API_KEY)));
await step('exchange by a public client', async () => told(await exchange(terminal, given.subject, JWT)));

const assertion = await new jose.SignJWT({})
  .setProtectedHeader({ alg: 'ES256' })
  .setIssuer(given.partner)
  .setSubject('bob')
  .setAudience(given.issuer)
  .setIssuedAt()
  .setExpirationTime('1h')
  .setJti(crypto.randomUUID())
  .sign(await keyOf(given.partner_key));
const bearer = () => oauth.genericGrantRequest(terminal, JWT_BEARER, { assertion });
await step('JWT bearer', async () => told(await bearer()));
await step('JWT bearer once more', async () => told(await bearer()));

// Refresh tokens.
const refresh = (config, token, more) => oauth.refreshTokenGrant(config, token, more);
const first = await exchange(basic, given.subject, JWT);
const second = await refresh(basic, first.refresh_token);
await step('refresh', async () => ({ ...told(second), is_new: second.refresh_token !== first.refresh_token }));
await step('refresh, answer lost', async () => {
  const again = await refresh(basic, first.refresh_token);
  return { ...told(again), is_same: again.refresh_token === second.refresh_token };
});
await step('refresh for more', async () => told(await refresh(basic, second.refresh_token, { scope: 'stock:write' })));
await step('refresh by another', async () => told(await refresh(signer, second.refresh_token)));
const third = await refresh(basic, second.refresh_token);
await passed(given.grace_ms + 500);
await step('refresh with an old one', async () => told(await refresh(basic, second.refresh_token)));
await step('refresh after that', async () => told(await refresh(basic, third.refresh_token)));

// What tokens are worth.
const about = async (token) => {
  const { active, sub, scope, client_id, token_type } = await oauth.tokenIntrospection(basic, token);
  return { active, sub, scope, client_id, token_type };
};
const own = await oauth.clientCredentialsGrant(signer);
await step('introspection', () => about(own.access_token));
await step('introspection by a signed assertion', async () => {
  const { active } = await oauth.tokenIntrospection(signer, own.access_token);
  return { active };
});
await step('introspection of what is no token', () => about('nothing'));
await step('revocation of another client’s', async () => oauth.tokenRevocation(basic, own.access_token));
await step('revocation', async () => {
  await oauth.tokenRevocation(signer, own.access_token);
  return about(own.access_token);
});
await step('revocation of a refresh token', async () => {
  const { refresh_token } = await exchange(basic, given.subject, JWT);
  await oauth.tokenRevocation(basic, refresh_token);
  return told(await refresh(basic, refresh_token));
});

// Tokens at a route.
const api = async (config, token, path, dpop) => {
  const reply = await oauth.fetchProtectedResource(config, token, new URL(given.api + path), 'GET', undefined, undefined, dpop && { DPoP: dpop });
  return { status: reply.status };
};
const refused = (error) => {
  if (!(error instanceof oauth.WWWAuthenticateChallengeError)) throw error;
  const [{ scheme, parameters }] = error.cause;
  return { status: error.status, scheme, error: parameters.error };
};
const { access_token } = await oauth.clientCredentialsGrant(basic);
await step('route', () => api(basic, access_token, ''));
await step('route of another scope', () => api(basic, access_token, '/admin').catch(refused));
await step('route without a good token', () => api(basic, 'nothing', '').catch(refused));

// Tokens that are bound to a key.
const pair = await oauth.randomDPoPKeyPair('ES256', { extractable: true });
const handle = oauth.getDPoPHandle(basic, pair);
const bound = await oauth.clientCredentialsGrant(basic, undefined, { DPoP: handle });
await step('DPoP', async () => {
  const jkt = await jose.calculateJwkThumbprint(await jose.exportJWK(pair.publicKey));
  return { ...told(bound), is_bound: jose.decodeJwt(bound.access_token).cnf.jkt === jkt };
});
await step('DPoP, introspection', () => about(bound.access_token));
await step('DPoP token as a bearer token', () => api(basic, bound.access_token, '').catch(refused));

// One proof twice, which the library never does.
const proof = await new jose.SignJWT({ htm: 'POST', htu: basic.serverMetadata().token_endpoint })
  .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await jose.exportJWK(pair.publicKey) })
  .setIssuedAt()
  .setJti(crypto.randomUUID())
  .sign(pair.privateKey);
const byHand = async () => {
  const reply = await fetch(basic.serverMetadata().token_endpoint, {
    method: 'POST',
    headers: { dpop: proof },
    body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'batch', client_secret: given.secret }),
  });
  const { token_type, error } = await reply.json();
  return { status: reply.status, token_type, error };
};
await step('DPoP proof by hand', byHand);
await step('DPoP proof by hand, once more', byHand);
